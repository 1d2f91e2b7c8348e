"""A manifest's warnings as sentences for people: grouped, with counts, without an id. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flows.landing.manifest import Manifest

Warnings = list[Mapping[str, Any]]


def warning_lines(manifest: Manifest) -> list[str]:
    """One line for each kind of warning, the site first, then what the server's OperationOutcomes said (their codes:
    their sentences may name patients).
    """
    by_code: dict[str, Warnings] = {}
    for warning in manifest.warnings:
        by_code.setdefault(str(warning["code"]), []).append(warning)
    said = [line for code, some in sorted(by_code.items()) for line in _SENTENCES.get(code, _unknown)(some)]
    outcomes = Counter(f"{each['severity']} {each['code']}" for each in manifest.outcomes)
    if outcomes:
        said.append(f"the server said beside its answers: {_counted(outcomes)}")
    return [f"{manifest.site}: {line}" for line in said]


def _refetched(some: Warnings) -> Iterable[str]:
    reasons: dict[str, list[str]] = {}
    for each in some:
        reasons.setdefault(str(each["reason"]), []).append(str(each["type"]))
    return [f"asked for whole ({reason}): {', '.join(types)}" for reason, types in reasons.items()]


def _merged(some: Warnings) -> Iterable[str]:
    return [
        f"{each['n']:,} patients were merged into others and are still named by {each['resources']:,} resources; "
        f"{each['with_survivor']:,} are in the cohort beside whom they were merged into"
        for each in some
    ]


def _not_applied(some: Warnings) -> Iterable[str]:
    searches = Counter(f"{name} of {each['type'] or 'the export'}" for each in some for name in each["parameters"])
    return [f"not applied by the server, so looked at here: {_counted(searches)}"]


def _begun_again(some: Warnings) -> Iterable[str]:
    return [f"begun again: {_counted(_numbers(some, lambda each: each.get('type') or each['what'], 'times'))}"]


def _scopes(some: Warnings) -> Iterable[str]:
    return [f"scopes not granted: {' '.join(sorted({scope for each in some for scope in each['scopes']}))}"]


def _by_type(words: str) -> Callable[[Warnings], Iterable[str]]:
    return lambda some: [f"{words}: {_counted(_numbers(some, lambda each: each['type'], 'n'))}"]


def _unknown(some: Warnings) -> Iterable[str]:
    return [f"{some[0]['code']}: {len(some):,}"]


_SENTENCES: Mapping[str, Callable[[Warnings], Iterable[str]]] = {
    "begun-again": _begun_again,
    "deleted": _by_type("deleted on the server, as the export says"),
    "index-without-patient": lambda some: [
        f"index events that name no patient who could be asked for: {sum(each['n'] for each in some):,}"
    ],
    "merged-patients": _merged,
    "more-than-count": lambda some: [
        f"more lines than the export's manifest says: {_counted(_numbers(some, lambda each: each['what'], 'n'))}"
    ],
    "not-fhir": lambda some: [f"JSON documents that are no FHIR resource: {len(some):,}"],
    "not-found-by-id": _by_type("asked for by id and not there"),
    "parameter-not-applied": _not_applied,
    "refetched": _refetched,
    "scopes-not-granted": _scopes,
    "searched-instead": lambda some: [f"searched instead of {each['what']} ({each['reason']})" for each in some],
}


def _numbers(some: Warnings, key: Callable[[Mapping[str, Any]], object], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in some:
        found[str(key(each))] += int(each[name])
    return found


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{what} {n:,}" for what, n in sorted(found.items()))
