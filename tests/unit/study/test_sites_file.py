"""Sites files. Oracle: docs/sites-file.md and the shared sketch of the language."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from pathlib import Path

import pytest

from flows.secret_places import Secret
from flows.sites import Sites, load_sites, sites_for_source
from mappings.errors import DefinitionError, Problem, SourceError
from tests.conftest import SHARED

ONE = '[[site]]\nid = "a"\nbase = "https://a.example/fhir"\n'
HIDDEN = "hunter2-secret"


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        load_sites(text)
    assert HIDDEN not in str(caught.value)
    return caught.value.problems


def fault(text: str) -> tuple[str, int | None, str]:
    (problem,) = problems_of(text)
    return problem.field, problem.line, problem.message


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ('folder = "x"', "site[0]", "exactly one of base, folder and sandbox"),
        ('method = "folder"', "site[0].method", 'must be "search" or "bulk" for a base'),
        ('group = "g1"', "site[0].group", 'only with method = "bulk"'),
        ('bulk = { level = "group" }', "site[0].bulk.level", 'must be "system" or "patient"'),
        ("bulk = { hours = 0 }", "site[0].bulk.hours", "more than 0"),
        ('bulk = { with_types = ["medication"] }', "site[0].bulk.with_types[0]", "a resource type of R4"),
        ('timezone = "Europe/Berln"', "site[0].timezone", "must be a time zone's name"),
        ('timezone = "../../etc/passwd"', "site[0].timezone", "must be a time zone's name"),
        (f'auth = {{ kind = "basic", user = "u", password = "{HIDDEN}" }}', "site[0].auth.password", "env:NAME"),
        (f'auth = {{ kind = "bearer", token = "{HIDDEN}" }}', "site[0].auth.token", "env:NAME"),
        ('auth = { kind = "bearer", token = "prefect:x" }', "site[0].auth.token", "prefect:secret/NAME"),
        ('auth = { kind = "basic", user = "u" }', "site[0].auth.password", "is missing"),
        ('auth = { user = "u" }', "site[0].auth", "needs the key kind"),
        ('auth = { kind = "kerberos" }', "site[0].auth", "must be one of none, basic, bearer, smart-backend, client-"),
        ('deaths = { source = "register" }', "site[0].deaths", "needs complete_to"),
        ("deaths = { complete_to = 2020-01-01 }", "site[0].deaths", "never complete"),
        ('other_origins = ["https://b.example/path"]', "site[0].other_origins[0]", "ends after the host"),
        ("limits = { parallel = 0 }", "site[0].limits.parallel", "at least 1"),
        (
            "limits = { requests_per_secnd = 1 }",
            "site[0].limits.requests_per_secnd",
            "did you mean 'requests_per_second'?",
        ),
        ('limits = { hours = "20:00-06:00" }', "site[0].limits.hours", "not supported yet"),
        ("page_size = 0", "site[0].page_size", "at least 1"),
        ("max_fall_percent = 101", "site[0].max_fall_percent", "at most 100"),
        (
            "max_fall_percent = 5\nchecks = { thresholds = { records_drop_over_5_percent = 5 } }",
            "site[0].max_fall_percent",
            "says the same: take one out",
        ),
        ('tiemzone = "UTC"', "site[0].tiemzone", "did you mean 'timezone'?"),
        ('fhir_version = "5.0.0"', "site[0].fhir_version", 'must be "4.0.1"'),
    ],
)
def test_a_fault_is_named_with_field_and_line(line: str, field: str, words: str) -> None:
    found_field, found_line, message = fault(f"{ONE}{line}\n")
    assert (found_field, words in message) == (field, True), message
    assert found_line == (1 if field == "site[0]" else 4)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('group = "g/1"', "at most 64 letters, digits, hyphens and dots"),
        ('group = "g1"\nbulk = { level = "system" }', "take bulk.level out"),
    ],
)
def test_a_group_of_an_export_is_an_id_and_has_its_own_level(lines: str, words: str) -> None:
    field, line, message = fault(f'{ONE}method = "bulk"\n{lines}\n')
    assert (field, line, words in message) == ("site[0].group", 5, True), message


def test_an_export_takes_no_list_of_patients() -> None:
    field, _, message = fault(f'{ONE}method = "bulk"\nsearch = {{ cohort = "ids.txt" }}\n')
    assert (field, "name a group" in message) == ("site[0].search", True)


def test_an_export_is_asked_for_as_the_file_says() -> None:
    defaults = '[defaults]\nmethod = "bulk"\nbulk = { hours = 48, type_filter = false }\n'
    site = load_sites(f'{defaults}{ONE}bulk = {{ level = "patient" }}\n').sites[0]
    assert (site.method, site.bulk.level, site.bulk.hours, site.bulk.type_filter) == ("bulk", "patient", 48, False)
    assert load_sites(f'{ONE}method = "bulk"\ngroup = "g-1.a"\n').sites[0].group == "g-1.a"


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (f"https://u:{HIDDEN}@a.example/fhir", "no user or password"),
        ("a.example/fhir", "http or https"),
        ("https://a.example/fhir?x=1", "before ?"),
    ],
)
def test_a_base_address_is_plain(base: str, words: str) -> None:
    assert words in fault(f'[[site]]\nid = "a"\nbase = "{base}"\n')[2]


def test_a_fault_in_the_defaults_is_told_once_however_many_sites() -> None:
    text = f'[defaults]\ntimezone = "Mars"\nlimts = {{ parallel = 3 }}\n{ONE}[[site]]\nid = "b"\nfolder = "x"\n'
    assert [(p.field, p.line) for p in problems_of(text)] == [("defaults.timezone", 2), ("defaults.limts", 3)]


def test_defaults_hold_where_a_site_says_nothing_and_tables_merge_key_by_key() -> None:
    text = (
        '[defaults]\ntimezone = "Europe/Berlin"\nlimits = { requests_per_second = 5, parallel = 3 }\n'
        f'deaths = {{ source = "register", complete_to = 2020-12-31 }}\n{ONE}limits = {{ requests_per_second = 1 }}\n'
        '[[site]]\nid = "b"\nfolder = "x"\ndeaths = { source = "record" }\n'
    )
    a, b = load_sites(text).sites
    assert (a.timezone, a.limits.requests_per_second, a.limits.parallel) == ("Europe/Berlin", 1, 3)
    assert (a.deaths.complete_to, b.deaths.complete_to) == (date(2020, 12, 31), None)


def test_the_fall_that_is_accepted_is_a_threshold() -> None:
    a, b = load_sites(f'[defaults]\nmax_fall_percent = 20\n{ONE}[[site]]\nid = "b"\nfolder = "x"\n').sites
    assert a.check_rules.thresholds == b.check_rules.thresholds == {"records_drop_over_5_percent": 20}
    assert load_sites(ONE).sites[0].check_rules.thresholds == {}


def test_two_sites_need_two_ids_and_one_key() -> None:
    text = f'{ONE}deidentify = {{ pseudonym_key = "env:A" }}\n{ONE}deidentify = {{ pseudonym_key = "env:B" }}\n'
    assert [(p.field, p.line) for p in problems_of(text)] == [
        ("site[1].id", 6),
        ("site[1].deidentify.pseudonym_key", 8),
    ]


@pytest.mark.parametrize("text", ["", "[defaults]\n", '[site]\nid = "a"\nbase = "https://a.example"\n'])
def test_a_file_without_sites_is_refused(text: str) -> None:
    assert [p.field for p in problems_of(text)] == ["site"]


@pytest.mark.shared
def test_the_sketch_names_all_that_is_not_built_yet() -> None:
    found = problems_of((SHARED / "sites-sketch.toml").read_text(encoding="utf-8"))
    later = {p.field.rsplit(".", 1)[-1] for p in found if "not supported yet" in p.message}
    assert later == {
        *("exclude", "birth_date", "narrative", "shift_days", "retain_days", "hours"),
        *("code_maps", "supplement", "owner"),
    }
    assert [p.field for p in found if "not supported yet" not in p.message] == []


def test_a_server_is_asked_politely_unless_it_is_this_machine() -> None:
    speeds = {
        'base = "https://a.example/fhir"': 5.0,
        'base = "http://127.0.0.1:8080/fhir"': None,
        'base = "http://[::1]/fhir"': None,
        'sandbox = "li2023"': None,
        'folder = "x"': None,
    }
    for source, speed in speeds.items():
        assert load_sites(f'[[site]]\nid = "a"\n{source}\n').sites[0].requests_per_second == speed


def test_origins_with_and_without_the_credential() -> None:
    line = 'other_origins = ["https://b.example", { origin = "https://c.example:8443/", with_token = true }]'
    assert load_sites(f"{ONE}{line}\n").sites[0].origins == {"https://b.example": False, "https://c.example:8443": True}


def test_a_secret_shows_nothing_and_is_fetched_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f'{ONE}auth = {{ kind = "basic", user = "u", password = "env:BEDSIDE_TEST_PASSWORD" }}\n'
    site = load_sites(text).sites[0]
    assert site.auth.kind == "basic"
    secret = site.auth.password
    with pytest.raises(SourceError, match="BEDSIDE_TEST_PASSWORD"):
        secret.resolve()
    monkeypatch.setenv("BEDSIDE_TEST_PASSWORD", HIDDEN)
    assert secret.resolve() == HIDDEN
    shown = f"{secret!r} {secret} {site!r} {site.model_dump()} {site.model_dump_json()} {Sites((site,))!r}"
    assert HIDDEN not in shown
    assert "BEDSIDE_TEST_PASSWORD" not in shown
    assert pickle.loads(pickle.dumps(secret)).resolve() == copy.deepcopy(secret).resolve() == HIDDEN
    (tmp_path / "key").write_text(f"{HIDDEN}\n")
    assert Secret("file:key").resolve(tmp_path) == HIDDEN


def test_a_source_is_an_address_or_a_folder_and_its_own_site() -> None:
    url = sites_for_source("http://127.0.0.1:9/fhir/").sites[0]
    assert (url.id, url.base, url.folder) == ("source", "http://127.0.0.1:9/fhir", None)
    folder = sites_for_source("some/data").sites[0]
    assert (folder.base, folder.folder) == (None, str(Path("some/data").absolute()))
    with pytest.raises(DefinitionError, match="http or https"):
        sites_for_source("ftp://a.example")


def test_a_source_borrows_what_the_tables_depend_on_from_a_single_site() -> None:
    own = load_sites(f'{ONE}timezone = "Asia/Shanghai"\nauth = {{ kind = "bearer", token = "env:T" }}\n')
    made = sites_for_source("http://127.0.0.1:9/fhir", own).sites[0]
    assert (made.id, made.timezone, made.auth.kind) == ("a", "Asia/Shanghai", "none")
    two = load_sites(f'{ONE}[[site]]\nid = "b"\nfolder = "x"\n')
    assert sites_for_source("x", two).sites[0].id == "source"
