# ruff: noqa: E501 - the table of broken studies reads better in lines
"""Every sentence ``bedside study check`` has, each shown by a study that is broken for it.

Oracles: the table below and that of test_study_faults.py, each a known slip; and the source itself, whose sentences are
read from its syntax trees: one that no broken study brings out fails here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analysis.study.load import load_study
from mappings.errors import DefinitionError, Problem
from tests.unit.study.folders import REPOSITORY, example, li2023
from tests.unit.study.test_comparison_checks import SLIPS as OF_COMPARISONS
from tests.unit.study.test_comparison_checks import with_a_third_arm, with_an_arm_in
from tests.unit.study.test_study_faults import SLIPS

ANSWERS, OBSERVATIONS = "https://hospital.example/answers", "https://hospital.example/observations"
SMOKING = "[covariate.smoking]"
RESPONSE = """[response]
criteria = "mRECIST"
list = "smoking"
values = "smoking"
window = "1..cutoff"
"""
SUPPLEMENT = """[supplement]
file = "charts.csv"
closed = 2024-02-01
[supplement.variable.smoker]
list = "smoking"
values = "smoking"
"""

# What of the example study is replaced, by what, where the fault is told (file, field) and how its sentence begins.
BROKEN = [
    ('covariate = "age_group", in = ["under 18"]', 'covariate = "age_group", list = "angina", in = ["x"]', "criterion[0].exclude", "name exactly one of: list, covariate, complete"),
    ('covariate = "age_group", in = ["under 18"]', 'covariate = "age_group"', "criterion[0].exclude", "a covariate needs the levels it may have"),
    ('list = "angina", window = "-365..0"', 'list = "angina"', "criterion[1].require", "a list needs a window"),
    ('[list.angina]\ntable = "condition"', '[list.angina]\ntable = ["imaging_study", "device"]', "criterion[1].require.list", "no record of a subject is looked for in imaging_study and device: add another table to [list.angina]"),
    ('[list.smoking]\ntable = "observation"', '[list.smoking]\ntable = "imaging_study"', "covariate.smoking.list", "no record of a subject is looked for in imaging_study: add another table to [list.smoking]"),
    ('list = "angina", window = "-365..0"', 'list = "angina", window = "0..-9"', "criterion[1].require.window", "the window ends before it begins: write the earlier day first"),
    ('require = { complete = "covariates" }', 'exclude = { complete = "covariates" }', "criterion[2].exclude", "completeness is required, not excluded"),
    ('require = { complete = "covariates" }, missing = "fails"', 'require = { complete = "covariates" }, missing = "passes"', "criterion[2].missing", "completeness means missing data fail"),
    ('require = { complete = "covariates" }, missing', 'missing', "criterion[2]", "say either require or exclude"),
    ('complete = "covariates" }', 'complete = "covariates", assessments = 1 }', "criterion[2].require.assessments", "assessments are counted by [response], and there is none: add it"),
    ("dates = [2020-01-01, 2022-12-31]", "dates = [2023-01-01, 2022-12-31]", "index.dates", "the first day is after the last: write the earlier one first"),
    ('all = [{ list = "stenting" }, { any_of = ["used_device:bare-stent"] }]', 'all = [{}]', "arm[1].all[0]", "say either list or any_of"),
    ('"used_device:bare-stent"', '"used_substance:bare-stent"', "arm[1].all[1].any_of[0]", "list bare-stent is not looked for in substance: add it to [list.bare-stent] table"),
    ('label = "Bare stent"', 'label = "total"', "arm[1].label", 'a label cannot be "total"'),
    ('from = "patient"\nunit', 'unit', "covariate.age", "say either from or list"),
    (SMOKING, '[covariate.weight]\nfrom = "patient"\n\n' + SMOKING, "covariate.weight", "only age and sex come from the patient: name it so, or give a list"),
    ('values = "smoking"\nwindow = "-365..0"', 'values = "smoking"', "covariate.smoking", "a covariate from a list needs a window"),
    ('values = "smoking"\nwindow = "-365..0"', 'values = "smoking"\nwindow = "-365..1"', "covariate.smoking.window", "a baseline variable cannot look after the index date: end the window at 0"),
    ('levels = ["never", "ever"]', 'levels = ["never", "ever"]\ncut = [1]\nlabels = ["a", "b"]', "covariate.smoking", "say either levels or cut"),
    ('levels = ["never", "ever"]', 'levels = ["never", "ever"]\nlevel_labels = ["No"]', "covariate.smoking.level_labels", "one for each level"),
    ('levels = ["never", "ever"]', 'levels = ["never", "ever", "ever"]', "covariate.smoking.levels", "an entry stands twice: each may stand once"),
    ('levels = ["never", "ever"]', 'levels = ["never", "always"]', "covariate.smoking.levels[1]", "the map gives no 'always'; there are ever, never"),
    ('cox = "levels"', 'cox = "cut"', "covariate.smoking.cox", 'cox = "cut" needs cut points: add cut and labels'),
    ('cox = "linear"', 'cox = "levels"', "covariate.age.cox", 'cox = "levels" needs levels: add them'),
    ('cox = "levels"', 'cox = "linear"', "covariate.smoking.cox", 'cox = "linear" needs levels that are whole numbers'),
    ('table1 = "count"', 'table1 = "mean_sd"', "covariate.smoking.table1", "mean_sd needs a number, and this variable has levels: say count"),
    ('test = "fisher"', 'test = "t_welch"', "covariate.smoking.test", "a t test needs a number, and this variable has levels"),
    ('test = "t_welch"', 'test = "fisher"', "covariate.age.test", "a test of counts needs levels or cut"),
    ('release = "open"', 'release = "open"\nsensitivity = [{ id = "missed", max_gap_days = 112 }]', "analysis.sensitivity[0].max_gap_days", "no endpoint is censored at its last assessment"),
    ('adjust = ["age", "smoking"]', 'adjust = ["zzz"]', "analysis.cox.adjust[0]", "there is no [covariate.zzz]; there are age, age_group, smoking"),
    ('events = [{ death = true, desc = "Death" }]', 'events = [{ desc = "Death" }]', "endpoint[0].events[0]", "say exactly one of: response, list, death = true"),
    ('{ death = true, desc = "Death" }', '{ death = true, site = "angina", desc = "Death" }', "endpoint[0].events[0]", "a site belongs to a response"),
    ('{ death = true, desc = "Death" }', '{ response = "PD", desc = "Growth" }', "endpoint[0].events[0].response", "it needs [response], and there is none: add it, or take this out"),
    ('events = [{ death = true, desc = "Death" }]', 'events = [{ death = true, desc = "Death" }]\ncompeting = [{ death = true, desc = "Death" }]', "endpoint[0].competing", "what is an event of the endpoint cannot compete with it"),
    ('release = "open"', 'release = "open"\nsurvival = { by_response = [3] }', "analysis.survival.by_response", "needs a [response]"),
    ('release = "open"', 'release = "open"\nsurvival = { strata = ["smokin"] }', "analysis.survival.strata[0]", 'is neither "site" nor a covariate'),
    ('release = "open"', 'release = "open"\nsurvival = { strata = ["age"] }', "analysis.survival.strata[0]", "age has no categories"),
    ('release = "open"', 'release = "open"\nsensitivity = [{ id = "w", set = { weighting = "ATE" } }]', "analysis.sensitivity[0].set.weighting", "there is no weighting in [analysis]"),
    ('adjust = ["age", "smoking"] }', 'adjust = ["age", "smoking"] }\nsensitivity = [{ id = "gaps", text = "Gaps", max_gap_days = 90 }]', "analysis.sensitivity[0].max_gap_days", "no endpoint is censored at its last assessment"),
    ('{ last = "evidence alive", desc', '{ desc', "endpoint[0].censors[0]", "say either last or at"),
    ('question = "In angina', 'remarks = "x"\nquestion = "In angina', "study.remarks", "must be a list in square brackets"),
    ('id = "two-stents"\n', "", "study.id", 'is missing: write id = "…"'),
    ('data = "synthetic"\n', "", "study.data", 'is missing: write data = "synthetic" or "real"'),
    ("data_cutoff = 2023-12-31\n", "", "index.data_cutoff", "is missing: write data_cutoff = 2020-12-31"),
    ('protocol = { version = "0.1", date = 2024-02-01, registration = "none", ethics = "not needed: synthetic data" }\n', "", "study.protocol", "is missing: write protocol = { version = …, date = …, registration = …, ethics = … }"),
    ("[[arm]]", "[arm]", "arm", "this is not TOML"),
    ('missing = "fails"', 'missing = "passes"', "criterion", "a patient of whom nothing but the index procedure is recorded would be analysed"),
    ('require = { list = "angina", window = "-365..0" }, missing = "fails"', 'require = { list = "angina", window = "-365..0" }, missing = "later"', "criterion[1].missing", '"later" is for covariates, not lists: say "fails" or "passes"'),
    ('  { id = "data", text = "Complete baseline data", require = { complete = "covariates" }, missing = "fails" },\n', "", "criterion[0].missing", '"later" leaves it to a completeness criterion, and there is none: add one'),
    ("[index]\n", RESPONSE + 'source = "derived"\n\n[index]\n', "response.source", "a derived response needs lesion measurements: add [response.lesions]"),
    ("[index]\n", RESPONSE.replace("1..cutoff", "0..cutoff") + "\n[index]\n", "response.window", "must begin on day 1 or later"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity = "smoking"\nwindow = "-56..0"\nrole = "smoking"\n[index]\n', "response.lesions", "role is a coded answer: values must name the ConceptMap"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nwindow = "-56..0"\n[index]\n', "response.lesions", "identity is missing: name the list of the component"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity_by = "identifier"\nwindow = "-56..0"\n[index]\n', "response.lesions", "identity_system is missing: an identifier needs its system named"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity_by = "body-structure"\nidentity = "smoking"\nwindow = "-56..0"\n[index]\n', "response.lesions.identity", "identity belongs to identity_by"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity = "smoking"\nidentity_system = "urn:lesions"\nwindow = "-56..0"\n[index]\n', "response.lesions.identity_system", "identity_system belongs to identity_by"),
    ("[index]\n", RESPONSE + 'imaging = { modality = ["CT"], max_days_apart = 14, phases = [{ list = "smoking", label = "arterial" }] }\n[index]\n', "response.imaging.phases[0].list", "a phase is looked for in scans: add imaging_study to [list.smoking] table"),
    ("[index]\n", RESPONSE + 'imaging = { modality = ["CT"], max_days_apart = 14, phases = [{ list = "smoking", label = "unknown" }] }\n[index]\n', "response.imaging.phases[0].label", 'scans without a phase are counted as "unknown"'),
    ("[index]\n", RESPONSE + 'imaging = { modality = ["CT"], max_days_apart = 14, phases = [{ list = "smoking", label = "late" }, { list = "smoking", label = "late" }] }\n[index]\n', "response.imaging.phases", "a label stands twice, give each phase its own"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity = "smoking"\nwindow = "-56..1"\n[index]\n', "response.lesions.window", "the baseline lies before treatment: end the window at 0"),
    ("[index]\n", RESPONSE + '\n[response.lesions]\nlist = "smoking"\nidentity = "smoking"\nwindow = "-56..0"\nvalues = "smoking"\n[index]\n', "response.lesions.values", "the map gives ever, never; its targets may be target"),
    ("[index]\n", RESPONSE + "\n[index]\n", "response.values", "the map gives ever, never; its targets may be CR, PR, SD, PD, NE"),
    ('list = "smoking"\nvalues', 'list = "zzz"\nvalues', "covariate.smoking.list", "no [list.zzz] is declared: add it, and its codes in codes/zzz.json"),
    ("[index]\n", SUPPLEMENT.replace('"smoking"\nvalues', '"smokin"\nvalues') + "\n[index]\n", "supplement.variable.smoker.list", "no [list.smokin] is declared: did you mean 'smoking'?"),
    ("[index]\n", SUPPLEMENT.replace('"smoking"\nvalues', '"angina"\nvalues') + "\n[index]\n", "supplement.variable.smoker.list", "rows become Observations: [list.angina] must be looked for in the table observation"),
    ("[index]\n", SUPPLEMENT.replace('"smoking"\nvalues', '"angina"\nvalues') + "\n[index]\n", "supplement.variable.smoker.list", "list angina holds no plain code: give it one"),
    ("[index]\n", '[list.extra]\ntable = "observation"\nfile = "codes/smoking.json"\n' + SUPPLEMENT.replace('"smoking"\nvalues', '"extra"\nvalues') + "\n[index]\n", "supplement.variable.smoker.list", "nothing else in the study looks at list extra: its rows would change nothing"),
    ("[index]\n", SUPPLEMENT.replace('values = "smoking"', 'values = "smoking"\nunit = "cm"') + "\n[index]\n", "supplement.variable.smoker", "say exactly one of unit, values and type"),
    ("[index]\n", SUPPLEMENT + "\n[index]\n", "supplement.file", "the supplement is missing: there is no file charts.csv"),
]  # fmt: skip


def value_set(**changes: Any) -> dict[str, Any]:
    include = {"system": OBSERVATIONS, "concept": [{"code": "SMOKING"}], **changes}
    return {"resourceType": "ValueSet", "compose": {"include": [include]}}


def concept_map(*elements: Any, **changes: Any) -> dict[str, Any]:
    return {"resourceType": "ConceptMap", "group": [{"source": ANSWERS, "element": list(elements), **changes}]}


def element(*targets: Any, code: Any = "NEVER") -> dict[str, Any]:
    return {"code": code, "target": list(targets)}


def pattern(value: str, **changes: Any) -> dict[str, Any]:
    return value_set(concept=[], filter=[{"property": "code", "op": "regex", "value": value, **changes}])


CODES, MAP = "codes/smoking.json", "maps/smoking.json"
# Files beside the study: path, content, field, sentence. Lines are those of the content written with an indent of 1.
FILES = [
    (CODES, '{\n"resourceType": }', "", "this is not JSON: Expecting value"),
    (CODES, [], "", "must be a JSON object: { … }"),
    (CODES, {"resourceType": "CodeSystem"}, "resourceType", "must be ValueSet"),
    (CODES, {"resourceType": "ValueSet"}, "compose.include", "the list is empty: give compose.include with a system and its codes"),
    (CODES, {"resourceType": "ValueSet", "expansion": {"contains": []}}, "compose.include", "the list is empty"),
    (CODES, {"resourceType": "ValueSet", "expansion": {"contains": [{"abstract": True, "system": OBSERVATIONS, "code": "G"}]}}, "compose.include", "the list is empty"),
    (CODES, {"resourceType": "ValueSet", "expansion": {"offset": 5, "contains": [{"code": "A"}]}}, "expansion.offset", "only a part of the ValueSet is in the file: write it out whole"),
    (CODES, {"resourceType": "ValueSet", "expansion": {"total": 5, "contains": [{"code": "A"}]}}, "expansion.total", "says 5 codes, the file holds 1: write it out whole"),
    (CODES, {"resourceType": "ValueSet", "compose": [1]}, "compose", "must be a JSON object: { … }"),
    (CODES, {"resourceType": "ValueSet", "compose": {"include": {"a": 1}}}, "compose.include", "must be a list: [ … ]"),
    (CODES, {"resourceType": "ValueSet", "compose": {"include": ["A"]}}, "compose.include[0]", "must be a JSON object: { … }"),
    (CODES, {**value_set(), "compose": {**value_set()["compose"], "exclude": [{}]}}, "compose.exclude", "is not supported: list what is meant"),
    (CODES, value_set(valueSet=["http://x"]), "compose.include[0].valueSet", "another ValueSet cannot be included: copy its codes"),
    (CODES, value_set(concept=[]), "compose.include[0]", "a whole code system cannot be a list: give concept or filter"),
    (CODES, value_set(concept=[{"display": "x"}]), "compose.include[0].concept[0].code", 'is missing: write "code"'),
    (CODES, value_set(concept=[{"code": 7}]), "compose.include[0].concept[0].code", "must be a text in quotes"),
    (CODES, pattern("A", op="is-a"), "compose.include[0].filter[0]", "only property code with op regex is supported"),
    (CODES, pattern("(?=A)"), "compose.include[0].filter[0]", "the regular expression is empty or uses what not every engine has"),
    (CODES, pattern("("), "compose.include[0].filter[0]", "not a regular expression: "),
    (MAP, {"resourceType": "ValueSet"}, "resourceType", "must be ConceptMap"),
    (MAP, {"resourceType": "ConceptMap"}, "group", "the map is empty: give a group with elements"),
    (MAP, concept_map(element({"code": "never"}), unmapped={"mode": "fixed"}), "group[0].unmapped", "is not supported: what is unmapped is counted, never guessed"),
    (MAP, concept_map({"target": []}), "group[0].element[0].code", 'is missing: write "code"'),
    (MAP, concept_map(element({"display": "x"})), "group[0].element[0].target[0]", "has no code: write the level it stands for"),
    (MAP, concept_map(element({"code": "never"}, {"code": "ever"})), "group[0].element[0]", "NEVER has two targets: leave one"),
    (MAP, concept_map(element({"code": "never"}), element({"code": "ever"}, code="NOW"), element({"code": "gone"}, code="X")), "covariate.smoking.values", "the map also gives gone: make it a level"),
    ("codes/stenting.json", pattern("A") | {"compose": {"include": [{"filter": [{"property": "code", "op": "regex", "value": "A"}]}]}}, "index.event.list", "list stenting has a pattern without a code system: add it"),
    ("codes/stenting.json", value_set(system="urn:bedside:text"), "index.event.list", "list stenting holds words only: add codes"),
]  # fmt: skip

WHOLE = [
    ("[study\n", "", "this is not TOML: "),
    ('[study]\nid = "x"\n[population]\ntypes = ["patient"]\n', "population.types[0]", "is no FHIR resource type, for instance Patient"),
    ('[study]\nid = "x"\n[population]\ntypes = ["Patient"]\n[index]\n', "index", "does not go with [population]"),
]  # fmt: skip


@cache
def _example() -> tuple[str, Mapping[str, str]]:
    return example()


def problems_of(text: str, files: Mapping[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        load_study(text, "study.toml", files)
    return caught.value.problems


def broken_study(right: str, wrong: str) -> tuple[str, Mapping[str, str]]:
    text, files = _example()
    assert text.count(right) >= 1, right
    return text.replace(right, wrong), files


def beside(path: str, content: Any) -> tuple[str, Mapping[str, str]]:
    text, files = _example()
    return text, {**files, path: content if isinstance(content, str) else json.dumps(content, indent=1)}


@pytest.mark.parametrize(("right", "wrong", "field", "said"), BROKEN, ids=[f"{f}: {s[:50]}" for _, _, f, s in BROKEN])
def test_a_broken_study_file(right: str, wrong: str, field: str, said: str) -> None:
    found = problems_of(*broken_study(right, wrong))
    if said == "this is not TOML":
        assert found[0].message.startswith(said)
        return
    told = [p for p in found if p.field == field and p.message.startswith(said)]
    assert told, [str(p) for p in found]
    assert told[0].file == "study.toml"
    # A table that is missing as a whole has no line of its own but that of the table around it.
    assert told[0].line is not None


@pytest.mark.parametrize(("path", "content", "field", "said"), FILES, ids=[f"{f}: {s[:50]}" for _, _, f, s in FILES])
def test_a_broken_file_beside_the_study(path: str, content: Any, field: str, said: str) -> None:
    found = problems_of(*beside(path, content))
    told = [p for p in found if p.field == field and p.message.startswith(said)]
    assert told, [str(p) for p in found]
    assert told[0].file in (path, "study.toml")
    assert told[0].line is not None


def test_the_line_of_a_code_is_that_of_its_file() -> None:
    content = value_set(concept=[{"code": "A"}, {"code": "B"}, {"display": "x"}])
    text, files = beside(CODES, content)
    (found,) = problems_of(text, files)
    lines = files[CODES].splitlines()
    assert found.file == CODES
    assert lines[found.line - 1 : found.line + 1] == ["     {", '      "display": "x"']


@pytest.mark.parametrize(("text", "field", "said"), WHOLE, ids=[said for _, _, said in WHOLE])
def test_a_file_that_is_no_such_study(text: str, field: str, said: str) -> None:
    assert any(p.field == field and p.message.startswith(said) for p in problems_of(text, {}))


SPOKEN = (
    "checks",
    "code_checks",
    "comparison_checks",
    "survival_checks",
    "supplement_checks",
    "load",
    "base",
    "model",
    "outcomes",
    "lesions",
    "imaging",
    "supplement",
)
SOURCES = [*(REPOSITORY / "analysis" / "study" / f"{name}.py" for name in SPOKEN), REPOSITORY / "mappings" / "code_files.py"]  # fmt: skip


def sentences(source: Path) -> Iterator[str]:
    """The longest unbroken piece of every sentence of a module: of what is yielded with a path, raised, or noted."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        said: ast.expr | None = None
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
            said = node.value.elts[1]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = {"ValueError": 0, "Problem": 0, "problem_at": 3, "fault": -1}.get(name)
            said = node.args[place] if place is not None and node.args else None
        pieces = list(_pieces(said)) if said is not None else []
        if pieces:
            # A rule about a table that begins with a key of it is told at that key, without its name.
            yield re.sub(r"^[a-z_0-9]+: ", "", max(pieces, key=len))


def _pieces(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.Constant))
    elif isinstance(node, ast.BinOp):
        yield from _pieces(node.left)


@cache
def everything_said() -> str:
    """All sentences that the tables of broken studies bring out."""
    studies = [broken_study(right, wrong) for right, wrong, _, _ in BROKEN]
    studies += [beside(path, content) for path, content, _, _ in FILES]
    studies += [(text, {}) for text, _, _ in WHOLE]
    text, files = li2023()
    studies += [(text.replace(right, wrong), files) for right, wrong, _, _ in [*SLIPS, *OF_COMPARISONS]]
    changed = [with_a_third_arm(text), with_an_arm_in("1..28", None, text), with_an_arm_in("0..29", 28, text)]
    studies += [(one, files) for one in changed]
    return "\n".join(p.message for one in studies for p in problems_of(*one))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_sentence_is_without_a_broken_study(source: Path) -> None:
    said = everything_said()
    found = list(sentences(source))
    assert [one for one in found if one not in said] == []
