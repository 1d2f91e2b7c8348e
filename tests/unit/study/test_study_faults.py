# ruff: noqa: E501 - the table of slips reads better in lines
"""Faults of study files. Oracle: the study file itself, of which each case breaks one known line."""

from __future__ import annotations

import json

import pytest

from analysis.study.load import files_named, load_study
from mappings.errors import DefinitionError, Problem
from tests.unit.study.folders import example, li2023


def problems_of(text: str, files: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        load_study(text, "study.toml", files)
    assert caught.value.exit_code == 2
    return caught.value.problems


def line_of(text: str, part: str) -> int:
    assert text.count(part) == 1, part
    return text[: text.index(part)].count("\n") + 1


# What stands there, what a slip makes of it, the field named, and words of the sentence.
SLIPS = [
    ('take = "first"', 'tak = "first"', "index.tak", "did you mean 'take'?"),
    ('take = "first"', 'take = "frist"', "index.take", 'must be "first": did you mean'),
    ("washout_days = 180", 'washout_days = "a year"', "index.washout_days", "must be a whole number"),
    ("washout_days = 180", "washout_days = -1", "index.washout_days", "must be at least 0"),
    ("data_cutoff = 2020-12-31", 'data_cutoff = "soon"', "index.data_cutoff", "must be a date"),
    ("data_cutoff = 2020-12-31", "data_cutoff = 2019-12-31", "index.data_cutoff", "lies before the last index date"),
    ('label = "cTACE"', 'lable = "cTACE"', "arm[1].lable", "did you mean 'label'?"),
    ('label = "cTACE"', 'label = "DEB-TACE"', "arm[1].label", "used twice"),
    ('label = "cTACE"', 'label = "A vs B"', "arm[1].label", '" vs "'),
    ('id = "CTACE"', 'id = "DEB"', "arm[1].id", "used twice"),
    ('list = "lesion-count"', 'list = "lesion-cuont"', "covariate.number_of_lesions.list", "did you mean 'lesion-count'?"),
    ("[list.lesion-count]", "[list.lesion-counts]", "list.lesion-counts", "there is no file codes/lesion-counts.json"),
    ('values = "lesion-lobes"', 'values = "lobes"', "covariate.lesion_distribution.values", "no file maps/lobes.json"),
    ('levels = ["single", "both"]', 'levels = ["singel", "both"]', "levels[0]", "did you mean 'single'?"),
    ("cut = [60]", "cut = [60, 50]", "covariate.age.cut", "must rise"),
    ('labels = ["<60", ">=60"]', 'labels = ["<60"]', "covariate.age.labels", "one more than the cut points"),
    ('covariate = "ecog", in = [0, 1, 2]', 'covariate = "ecgo", in = [0, 1, 2]', "require.covariate", "did you mean 'ecog'?"),
    ('covariate = "ecog", in = [0, 1, 2]', 'covariate = "ecog", in = [0, 1, 7]', "require.in[2]", "is no level of ecog"),
    ('"lesion_size", "number_of_lesions", "ecog"]', '"size", "number_of_lesions", "ecog"]', "cox.adjust[4]", "no [covariate.size]"),
    ('drop_criterion = "surgery-rfa"', 'drop_criterion = "surgery"', "drop_criterion", "there is no criterion 'surgery'"),
    ('censor = "arm-switch"', 'censor = "arm-swich"', "sensitivity[3].censor", "no [list.arm-swich]"),
    ('id = "breslow", text = "Ties by Breslow\'s method", set = { ties = "breslow" }', 'id = "breslow"', "sensitivity[0]", "changes nothing"),
    ("sensitivity all-treated", "sensitivity all-treatd", "after_index", "did you mean 'all-treated'?"),
    ("sensitivity censor-surgery", "because", "after_index", "must name a sensitivity analysis"),
    ("sensitivity censor-surgery", "sensitivity breslow", "after_index", "must drop this criterion"),
    (', after_index = "as published; sensitivity censor-surgery"', "", "criterion[7]", "looks after the index date"),
    ('missing = "passes", after_index', 'missing = "pases", after_index', "criterion[7].missing", "did you mean 'passes'?"),
    ('id = "extrahepatic"', 'id = "invasion"', "criterion[8].id", "used twice"),
    ('id = "extrahepatic"', 'id = "washout"', "criterion[8].id", "already names a step"),
    ('list = "metastasis-not-liver", window = "..0"', 'list = "metastasis-not-liver", window = "0.."', "criterion[8]", "looks after"),
    ('list = "metastasis-not-liver", window = "..0"', 'list = "metastasis-not-liver", window = "0"', "exclude.window", "LOW..HIGH"),
    ('response = "PD", site', 'response = "PDD", site', "events[0].response", "not in response.order: did you mean 'PD'?"),
    ('site = "liver", desc', 'site = "livr", desc', "events[0].site", "did you mean 'liver'?"),
    ('controlled = ["CR", "PR", "SD"]', 'controlled = ["CR", "PR", "SX"]', "response.controlled[2]", "'SX' is not in"),
    ('last = "evidence alive"', 'last = "alive"', "censors[0].last", "adequate assessment"),
    ('"text:bead-names"', '"text:drug-eluting-beads"', "any_of[4]", "has no words"),
    ('"used_device:iodised-oil"', '"usd_device:iodised-oil"', "any_of[1]", "must be SOURCE:LIST"),
    ('adjudicator = "reader-3", ', "", "response.readers", "need an adjudicator"),
    ('published = "expected.json"', 'published = "../expected.json"', "study.published", "must lie in the study folder"),
    ('[list.death]\ntable = "observation"', '[list.death]\ntable = "observations"', "list.death.table", "did you mean 'observation'?"),
    ("[disclosure]", "[disclosre]", "disclosre", "did you mean 'disclosure'?"),
    ('data = "synthetic"', 'data = "made up"', "study.data", 'must be "synthetic" or "real"'),
    ('  { id = "insufficient-data"', '  { id = "insufficient data"', "criterion[9].id", "small letters, digits and hyphens"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "field", "words"), SLIPS, ids=[f"{w[:40]}" for _, w, _, _ in SLIPS])
def test_a_slip_in_the_first_study_is_named_with_line_and_field(right: str, wrong: str, field: str, words: str) -> None:
    text, files = li2023()
    line = line_of(text, right)
    found = problems_of(text.replace(right, wrong), files)
    near = [p for p in found if field in p.field and words in p.message and p.file == "study.toml"]
    assert near, [str(p) for p in found]
    assert near[0].line in range(line, line + right.count("\n") + 1), str(near[0])


@pytest.mark.parametrize(
    ("right", "wrong"), [('take = "first"', 'tak = "first"'), ('label = "cTACE"', 'lable = "cTACE"')]
)
def test_a_misspelt_key_is_one_fault_and_not_also_a_missing_one(right: str, wrong: str) -> None:
    text, files = li2023()
    assert len(problems_of(text.replace(right, wrong), files)) == 1


def test_a_list_that_nothing_uses_is_named_where_it_is_declared() -> None:
    text, files = li2023()
    (found,) = problems_of(text.replace('last_contact = "last-contact"\n', ""), files)
    assert (found.field, found.message) == ("list.last-contact", "nothing uses this list: use it or take it out")
    assert found.line == line_of(text, "[list.last-contact]")


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text, files = li2023()
    broken = (
        text.replace('take = "first"', 'tak = "first"')
        .replace('"lesion_size", "number_of_lesions"', '"size", "number_of_lesions"')
        .replace("alpha = 0.05", "alpha = 5")
        .replace('data = "synthetic"', 'data = "fake"')
    )
    found = problems_of(broken, files)
    assert [p.field for p in found] == ["study.data", "index.tak", "analysis.alpha", "analysis.cox.adjust[4]"]
    assert [p.line for p in found] == sorted(p.line or 0 for p in found)


def test_what_stands_under_a_misspelt_table_is_still_checked() -> None:
    text, files = li2023()
    found = problems_of(text.replace("[disclosure]\nmin_count = 0", "[disclosre]\nmin_count = -1"), files)
    assert [(p.field, p.line is not None) for p in found] == [("disclosre", True), ("disclosure.min_count", True)]


def test_a_fault_in_a_code_list_is_named_by_its_own_file() -> None:
    text, files = example()
    broken = {**files, "codes/angina.json": "{\n", "maps/smoking.json": json.dumps({"resourceType": "ValueSet"})}
    assert [(p.file, p.line) for p in problems_of(text, broken)] == [
        ("codes/angina.json", 2),
        ("maps/smoking.json", 1),
    ]


def test_a_definition_that_admits_subjects_without_data_is_refused_with_the_reason() -> None:
    text, files = example()
    lenient = text.replace('missing = "fails"', 'missing = "passes"')
    assert any(
        "nothing but the index procedure is recorded would be analysed" in p.message
        for p in problems_of(lenient, files)
    )


def test_a_criterion_the_index_procedure_itself_meets_does_not_make_a_definition_strong() -> None:
    text, files = example()
    start, end = text.index("criterion = ["), text.index("]\n\n[study]") + 2
    criterion = 'criterion = [{ id = "t", text = "Treated", require = { list = "stenting", window = "..0" }, missing = "fails" }]\n'
    found = problems_of(text[:start] + criterion + text[end:], files)
    assert any("nothing but the index procedure" in p.message for p in found)


def test_later_needs_a_completeness_criterion_and_a_covariate() -> None:
    text, files = example()
    without = "\n".join(line for line in text.splitlines() if 'id = "data"' not in line)
    assert any("there is none" in p.message and p.field == "criterion[0].missing" for p in problems_of(without, files))
    right = 'require = { list = "angina", window = "-365..0" }, missing = "fails"'
    found = problems_of(text.replace(right, right.replace("fails", "later")), files)
    assert [p.field for p in found] == ["criterion[1].missing"]


def test_a_map_target_outside_the_levels_needs_a_criterion_on_the_covariate() -> None:
    text, files = example()
    other = files["maps/smoking.json"].replace('"NOW", "target": [{"code": "ever"', '"NOW", "target": [{"code": "now"')
    found = problems_of(text, {**files, "maps/smoking.json": other})
    assert [(p.field, "also gives now" in p.message) for p in found] == [("covariate.smoking.values", True)]


def test_an_index_list_of_words_or_of_a_pattern_without_system_is_refused() -> None:
    text, files = example()
    for include in (
        {"system": "urn:bedside:text", "concept": [{"code": "stent"}]},
        {"filter": [{"property": "code", "op": "regex", "value": "ST.*"}]},
    ):
        made = json.dumps({"resourceType": "ValueSet", "compose": {"include": [include]}})
        found = problems_of(text, {**files, "codes/stenting.json": made})
        assert [p.field for p in found] == ["index.event.list"]


def test_a_baseline_variable_that_looks_ahead_is_refused() -> None:
    text, files = example()
    broken = text.replace('values = "smoking"\nwindow = "-365..0"', 'values = "smoking"\nwindow = "-365..1"')
    assert [p.field for p in problems_of(broken, files)] == ["covariate.smoking.window"]


def test_the_models_own_python_names_are_no_keys() -> None:
    text, files = example()
    assert any(
        p.field == "index.event.list_"
        for p in problems_of(text.replace('list = "stenting" }\ndates', 'list_ = "stenting" }\ndates'), files)
    )


def test_population_takes_no_derivation_beside_it() -> None:
    text = '[study]\nid = "x"\n[population]\ntypes = ["patient"]\n[index]\ntake = "first"\n'
    fields = [p.field for p in problems_of(text, {})]
    assert fields == ["study.data", "study.design", "study.protocol", "study.title", "population.types[0]", "index"]


def test_files_named_are_those_of_the_study_folder_only() -> None:
    text, files = example()
    assert set(files_named(text)) == set(files) - {"sites.toml"}
    assert files_named('[study]\npublished = "../../etc/x.json"\n[list.a]\nfile = "/etc/passwd"\n') == ()
