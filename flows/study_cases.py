"""The cases beside a study, run through the same views and derivation as hospital data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.cases.chart import PATIENT, Json
from analysis.cases.load import LoadedCase, load_cases
from analysis.study.load import LoadedStudy
from analysis.study.model import Study
from flows.engines import connected
from flows.study_folder import StudyFolder
from mappings.errors import DefinitionError, Problem

CASES = "cases"
_SITE = "cases"
# Subjects of cases are made up: their ids need to be told apart, not hidden.
_KEY = b"bedside: made-up cases"


@dataclass(frozen=True)
class Verdict:
    """A case and what of it is not as expected (empty: the case holds)."""

    name: str
    text: str
    differences: tuple[str, ...]


def read_cases(folder: StudyFolder) -> list[LoadedCase]:
    """The cases of a study folder.

    Raises:
        DefinitionError: the study derives nothing, has no case, or a case is wrong; every fault with file and line.
    """
    if not isinstance(folder.study, Study):
        raise DefinitionError("a study with [population] derives nothing: there is nothing to prove")
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted((folder.path / CASES).glob("*")):
        if path.suffix not in (".toml", ".json"):
            continue
        name = f"{CASES}/{path.name}"
        try:
            texts[name] = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            problems.append(Problem(f"cannot be read: {error.strerror}", file=name))
        except UnicodeDecodeError:
            problems.append(Problem("is not UTF-8", file=name))
    if problems:
        raise DefinitionError("the cases cannot be read:", tuple(problems))
    if not texts:
        raise DefinitionError(f"the study has no cases: there is no {CASES}/<name>.toml beside its study.toml")
    return load_cases(LoadedStudy(folder.study, folder.codes, folder.maps), texts)


def prove(folder: StudyFolder, cases: Sequence[LoadedCase]) -> list[Verdict]:
    """Map and derive all cases at once and judge each.

    Raises:
        UnusableDataError: no case has an index event.
    """
    assert isinstance(folder.study, Study)
    with mapped(cases) as (con, tables):
        return judged(folder, folder.study, cases, con, tables)


@contextmanager
def mapped(cases: Sequence[LoadedCase]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The standard views of all resources of the cases, on a connection that lasts as long as this."""
    with TemporaryDirectory(prefix="bedside-cases-") as place, connected() as con:
        _write(Path(place), cases)
        yield con, _tables(con, Path(place))


def judged(
    folder: StudyFolder, study: Study, cases: Sequence[LoadedCase], con: Any, tables: dict[str, Any]
) -> list[Verdict]:
    """Derive the mapped cases by a study, the folder's or a changed one, and judge each."""
    from analysis.cases.verdicts import differences
    from analysis.derive import SiteRules, derive
    from analysis.derive.pseudonym import usubjid

    # Sensitivity analyses are other studies: cases say what the main one does.
    main = study.model_copy(update={"analysis": study.analysis.model_copy(update={"sensitivity": ()})})
    derived = derive(main, folder.codes, folder.maps, tables, _KEY, {_SITE: SiteRules()}, con)
    return [
        Verdict(
            case.name,
            case.text,
            tuple(differences(study, derived, usubjid(_KEY, _SITE, f"{case.name}-{PATIENT}"), case.expect)),
        )
        for case in cases
    ]


def _write(place: Path, cases: Sequence[LoadedCase]) -> None:
    by_type: dict[str, list[Json]] = defaultdict(list)
    for case in cases:
        for resource in case.resources:
            by_type[str(resource["resourceType"])].append(resource)
    for type_, resources in by_type.items():
        text = "".join(json.dumps(resource, ensure_ascii=False) + "\n" for resource in resources)
        (place / f"{type_}.ndjson").write_text(text, encoding="utf-8")


def _tables(con: Any, place: Path) -> dict[str, Any]:
    import ibis

    from mappings.catalogue import standard_views
    from mappings.compiler import compile_view

    tables = {}
    for name, view in standard_views().items():
        path = place / f"{view.resource}.ndjson"
        rows = compile_view(view).relation(con, [str(path)] if path.exists() else [])
        tables[name] = con.create_table(name, rows.mutate(site=ibis.literal(_SITE)).relocate("site"), temp=True)
    return tables
