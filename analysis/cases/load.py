"""Reading the cases of a study: texts in, resources and expectations out, or every fault with file, line and field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.cases.chart import Chart, Json, Unwritable
from analysis.cases.model import NOT_SCREENED, Case, Expected
from analysis.study.exclusions import exclusion_reasons
from analysis.study.faults import check, did_you_mean, problem_at
from analysis.study.load import LoadedStudy
from analysis.study.model import Study
from analysis.study.toml_lines import Path, parse
from mappings.errors import DefinitionError, Problem

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class LoadedCase:
    """One case: its name, its sentence, its FHIR resources (ids begin with the name) and what must follow."""

    name: str
    text: str
    resources: tuple[Json, ...]
    expect: Expected


@dataclass(frozen=True)
class _Read:
    case: Case
    file: str
    lines: Mapping[Path, int]


def load_cases(loaded: LoadedStudy, files: Mapping[str, str]) -> list[LoadedCase]:
    """The cases of a study, in the order of their names.

    ``files`` maps paths (``cases/<name>.toml`` or ``.json``) to texts.

    Raises:
        DefinitionError: with every fault of every file.
    """
    study = loaded.study
    assert isinstance(study, Study)
    problems: list[Problem] = []
    read: dict[str, _Read] = {}
    for file, text in sorted(files.items()):
        name = file.rsplit("/", 1)[-1].rpartition(".")[0]
        if not _NAME.fullmatch(name) or name in read:
            message = "another case has this name" if name in read else "a case's name is small letters, digits and -"
            problems.append(Problem(message, file=file))
            continue
        one = _read(file, text, problems)
        if one is not None:
            read[name] = one
    cases = []
    for name, one in sorted(read.items()):
        problems += [problem_at(one.lines, one.file, path, said) for path, said in _misses(study, one.case)]
        try:
            whole = _resolved(name, read)
            chart = Chart(name, study, loaded.codes, loaded.maps)
            cases.append(LoadedCase(name, whole.text, tuple(chart.resources(whole)), whole.expect))
        except Unwritable as error:
            problems.append(Problem(str(error), file=one.file))
    if problems:
        raise DefinitionError(f"the cases have {_faults(len(problems))}:", tuple(dict.fromkeys(problems)))
    return cases


def _faults(n: int) -> str:
    return "one fault" if n == 1 else f"{n} faults"


def _read(file: str, text: str, problems: list[Problem]) -> _Read | None:
    lines: Mapping[Path, int] = {}
    try:
        if file.endswith(".json"):
            document: Any = json.loads(text)
            if not isinstance(document, dict):
                raise DefinitionError("", (Problem("must be a JSON object", file=file),))
        else:
            document, lines = parse(text, file)
    except json.JSONDecodeError as error:
        problems.append(Problem(f"this is not JSON: {error.msg}", line=error.lineno, file=file))
        return None
    except DefinitionError as error:
        problems += error.problems
        return None
    case, _, fixed, found = check(Case, document, lines, file)
    problems += found
    return None if case is None else _Read(case, file, fixed)


def _resolved(name: str, read: Mapping[str, _Read], seen: tuple[str, ...] = ()) -> Case:
    """A case with what it takes from others: their patient and records, but those it replaces or leaves out."""
    case = read[name].case
    if case.like is None:
        return case
    if case.like not in read or case.like in (*seen, name):
        problem = "leads back to itself" if case.like in (*seen, name) else "names no case that can be read"
        raise Unwritable(f"like: {problem}{did_you_mean(case.like, set(read) - {name})}")
    base = _resolved(case.like, read, (*seen, name))
    known = {record.called for record in base.record}
    for gone in case.without:
        if gone not in known:
            raise Unwritable(f"without: {case.like} has no record {gone!r}{did_you_mean(gone, known)}")
    own = {record.called: record for record in case.record}
    kept = [own.pop(r.called, r) for r in base.record if r.called not in case.without]
    patient = {**base.patient.model_dump(exclude_unset=True), **case.patient.model_dump(exclude_unset=True)}
    return case.model_copy(
        update={
            "index": case.index or base.index,
            "patient": type(case.patient)(**patient),
            "record": (*kept, *own.values()),
            "resource": (*base.resource, *case.resource),
        }
    )


def reasons(study: Study) -> list[str]:
    """Everything ``leaves`` may say: the steps at which a subject of this study can leave."""
    return [NOT_SCREENED, *exclusion_reasons(study)]


def _misses(study: Study, case: Case) -> Iterator[tuple[Path, str]]:
    """Names of the case that the study does not have."""
    wanted = case.expect
    known = reasons(study)
    if wanted.leaves is not None and wanted.leaves not in known:
        yield ("expect", "leaves"), f"no subject can leave there{did_you_mean(wanted.leaves, known)}"
    arms = [arm.id for arm in study.arm]
    if wanted.arm is not None and wanted.arm not in arms:
        yield ("expect", "arm"), f"must be one of {', '.join(arms)}"
    for name in wanted.covariate:
        if name not in study.covariate:
            yield ("expect", "covariate", name), f"there is no [covariate.{name}]{did_you_mean(name, study.covariate)}"
    endpoints = [endpoint.id for endpoint in study.endpoint]
    for name in wanted.endpoint:
        if name not in endpoints:
            yield ("expect", "endpoint", name), f"must be one of {', '.join(endpoints)}"
    if wanted.response is not None and study.response is None:
        yield ("expect", "response"), "the study has no [response]"
    for n, resource in enumerate(case.resource):
        if not re.fullmatch(r"[A-Z][A-Za-z]+", str(resource.get("resourceType", ""))):
            yield ("resource", n), "needs a resourceType, for instance Observation"
    for n, record in enumerate(case.record):
        named = [("list", record.list_), ("site", record.site), *(("used", used) for used in record.used)]
        for key, of_list in named:
            if of_list is not None and of_list not in study.lists:
                yield ("record", n, key), f"no [list.{of_list}] is declared{did_you_mean(of_list, study.lists)}"
