"""Credentials and TLS files of the sites file. Oracle: docs/sites-file.md; a fault names file, line and field and never
what was written in a secret's place."""

from __future__ import annotations

import pickle

import pytest

from flows.secret_places import Secret
from flows.sites import Site, load_sites
from mappings.errors import DefinitionError

ONE = '[[site]]\nid = "a"\nbase = "https://a.example/fhir"\n'
HIDDEN = "hunter2-secret"
SMART = 'kind = "smart-backend", client_id = "c", key = "file:k.jwk"'


def site_of(line: str) -> Site:
    return load_sites(f"{ONE}{line}\n").sites[0]


@pytest.mark.parametrize(
    "line",
    [
        f"auth = {{ {SMART} }}",
        f'auth = {{ {SMART}, kid = "k", jku = "https://b.example/jwks", scopes = ["system/*.rs"] }}',
        'auth = { kind = "smart-backend", client_id = "c", key = "prefect:secret/north-key" }',
        f'auth = {{ {SMART}, token_endpoint = "https://login.example/token?tenant=7" }}',
        'auth = { kind = "client-secret", client_id = "c", secret = "env:S" }',
        'auth = { kind = "client-secret", client_id = "c", secret = "env:S", method = "client_secret_post" }',
        'auth = { kind = "bearer", token = "prefect:secret/t" }',
        'auth = { kind = "bearer", command = ["gcloud", "auth", "print-access-token"], timeout_s = 5 }',
        'tls = { ca = "ca.pem" }',
        'tls = { cert = "c.pem", key = "file:/etc/bedside/c.key", ca = "ca.pem" }',
    ],
    ids=range(10),
)
def test_every_way_is_read_survives_pickling_and_shows_no_secret(line: str) -> None:
    site = site_of(line)
    assert pickle.loads(pickle.dumps(site)).model_dump() == site.model_dump()
    assert "prefect:" not in f"{site!r}{site.model_dump_json()}"


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        (
            f'auth = {{ kind = "smart-backend", client_id = "c", key = "{HIDDEN}" }}',
            "auth.key",
            "env:NAME, file:PATH or",
        ),
        ('auth = { kind = "smart-backend", client_id = "c" }', "auth.key", "is missing"),
        ('auth = { kind = "smart-backend", key = "env:K" }', "auth.client_id", "is missing"),
        (f"auth = {{ {SMART}, scopes = [] }}", "auth.scopes", "at least 1 item"),
        (f'auth = {{ {SMART}, scopes = ["a b"] }}', "auth.scopes[0]", "one scope without a space"),
        (f'auth = {{ {SMART}, token_endpoint = "login.example/token" }}', "auth.token_endpoint", "http or https"),
        (
            f'auth = {{ {SMART}, token_endpoint = "https://u:{HIDDEN}@h/" }}',
            "auth.token_endpoint",
            "no user or password",
        ),
        (f'auth = {{ {SMART}, jku = "jwks.json" }}', "auth.jku", "http or https"),
        (f'auth = {{ {SMART}, kidd = "k" }}', "auth.kidd", "did you mean 'kid'?"),
        (
            'auth = { kind = "client-secret", client_id = "c", secret = "env:S", method = "post" }',
            "auth.method",
            "client_",
        ),
        (
            f'auth = {{ kind = "client-secret", client_id = "c", secret = "{HIDDEN}" }}',
            "auth.secret",
            "never stands here",
        ),
        ('auth = { kind = "bearer" }', "auth", "say either token"),
        ('auth = { kind = "bearer", token = "env:T", command = ["x"] }', "auth", "say either token"),
        ('auth = { kind = "bearer", command = [] }', "auth.command", "at least 1 item"),
        ('auth = { kind = "bearer", command = "gcloud auth" }', "auth.command", "a list in square brackets"),
        ('auth = { kind = "bearer", command = ["x"], timeout_s = 0 }', "auth.timeout_s", "more than 0"),
        ('auth = { kind = "bearer", token = "prefect:string/t" }', "auth.token", "prefect:secret/NAME"),
        ('auth = { kind = "bearer", token = "prefect:secret/T T" }', "auth.token", "prefect:secret/NAME"),
        ("tls = {}", "tls", "needs cert"),
        ('tls = { key = "c.key" }', "tls.key", "needs cert beside it"),
        ('tls = { ca = "env:CA" }', "tls.ca", "the path of a PEM file"),
        ('tls = { ca = "ca.pem", verify = false }', "tls.verify", "unknown key"),
    ],
    ids=range(22),
)
def test_a_fault_is_named_with_field_and_line_and_without_the_value(line: str, field: str, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_sites(f"{ONE}{line}\n")
    (problem,) = caught.value.problems
    assert (problem.field, problem.line, words in problem.message) == (f"site[0].{field}", 4, True), problem.message
    assert HIDDEN not in str(caught.value)


def test_tls_is_for_an_https_server() -> None:
    for source in ('base = "http://a.example/fhir"', 'folder = "x"', 'sandbox = "li2023"'):
        with pytest.raises(DefinitionError, match="only an https base"):
            load_sites(f'[[site]]\nid = "a"\n{source}\ntls = {{ ca = "ca.pem" }}\n')


def test_a_credential_of_the_defaults_is_taken_whole_or_not_at_all() -> None:
    text = f'[defaults]\nauth = {{ {SMART}, kid = "k" }}\n{ONE}[[site]]\nid = "b"\nbase = "https://b.example"\n'
    a, b = load_sites(f'{text}auth = {{ kind = "none" }}\n').sites
    assert (a.auth.kind, b.auth.kind) == ("smart-backend", "none")


def test_only_what_is_asked_for_over_the_network_is_far() -> None:
    assert [Secret(place).is_far for place in ("env:A", "file:a", "prefect:secret/a")] == [False, False, True]
