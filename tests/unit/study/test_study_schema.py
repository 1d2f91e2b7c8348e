"""The JSON Schema of study files.

Oracle: the models by ``load_study``; the schema must say the same of a file wherever the fault is one of shape. An
independent validator (jsonschema-rs) reads it.
"""

from __future__ import annotations

import datetime
import json
import tomllib
from typing import Any

import jsonschema_rs
import pytest

from analysis.study.faults import check
from analysis.study.model import PopulationStudy, Study
from analysis.study.schema import study_schema, undescribed
from tests.unit.study.folders import REPOSITORY, example, li2023

POPULATION = """
[study]
id = "all"
title = "All"
protocol = { version = "1", date = 2024-01-01, registration = "none", ethics = "none" }
design = "none"
data = "synthetic"
[population]
types = ["Patient"]
"""

# A line of li2023's file, what it becomes, and what is wrong then.
BROKEN = {
    "unknown key": ("washout_days = 180", "wash_days = 180"),
    "unknown table": ("[disclosure]\n", "[disclosures]\n"),
    "word of a choice": ('later_switch = "keep"', 'later_switch = "drop"'),
    "number out of bounds": ("washout_days = 180", "washout_days = -1"),
    "alpha of one": ("alpha = 0.05", "alpha = 1.0"),
    "text for a number": ("min_days_sd = 28", 'min_days_sd = "four weeks"'),
    "no date": ("data_cutoff = 2020-12-31", 'data_cutoff = "the end"'),
    "window in words": ('window = "-28..0"\npick', 'window = "a month"\npick'),
    "two subjects of a rule": ('{ list = "primary-resection"', '{ complete = "covariates", list = "primary-resection"'),
    "list without window": ('verification = "confirmed", window = "..0"', 'verification = "confirmed"'),
    "covariate without levels": ('covariate = "child_pugh", in = ["A", "B"]', 'covariate = "child_pugh"'),
    "neither way": ('require = { list = "primary-resection", window = "..0" }, ', ""),
    "missing not said": ('window = "..-1" }, missing = "fails" }', 'window = "..-1" } }'),
    "from and list": ('from = "patient"\nlevels', 'from = "patient"\nlist = "ecog"\nwindow = "..0"\nlevels'),
    "cut without labels": ('labels = ["<60", ">=60"]\n', ""),
    "levels and cut": ("cut = [5]\n", "cut = [5]\nlevels = [1]\n"),
    "label with a full stop": ('label = "cTACE"', 'label = "c.TACE"'),
    "endpoint in small letters": ('id = "PFS"', 'id = "pfs"'),
    "event of two kinds": ("{ death = true, desc", '{ death = true, response = "PD", desc'),
    "censor of two kinds": ('{ at = "index", desc', '{ at = "index", last = "evidence alive", desc'),
    "criterion id": ('id = "ecog"', 'id = "ECOG status"'),
    "source of a material": ('"used_code:iodised-oil"', '"drunk:iodised-oil"'),
    "no cut-off": ("data_cutoff = 2020-12-31", ""),
    "no table": ('[list.liver]\ntable = "observation"', "[list.liver]\n"),
}


def validator() -> Any:
    return jsonschema_rs.Draft202012Validator(study_schema(), validate_formats=True)


def as_json(text: str) -> Any:
    """A TOML document as an editor's validator sees it: dates are texts."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.isoformat() if isinstance(value, datetime.date) else value

    return plain(tomllib.loads(text))


def models_accept(text: str) -> bool:
    document = tomllib.loads(text)
    model = PopulationStudy if "population" in document else Study
    return check(model, document, {}, "study.toml")[0] is not None


def test_it_is_a_valid_schema() -> None:
    jsonschema_rs.meta.validate(study_schema())


def test_every_key_is_described() -> None:
    assert undescribed() == []


def test_the_committed_file_is_fresh() -> None:
    kept = json.loads((REPOSITORY / "studies" / "study.schema.json").read_text(encoding="utf-8"))
    assert kept == study_schema(), "renew it: bedside study schema > studies/study.schema.json"


def test_the_sample_study_names_it_for_editors() -> None:
    first = li2023()[0].splitlines()[0]
    assert first.startswith("#:schema ")
    named = REPOSITORY / "studies" / "li2023" / first.removeprefix("#:schema ")
    assert named.resolve() == REPOSITORY / "studies" / "study.schema.json"


GOOD = {
    **{path.parent.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / "studies").glob("*/study.toml")},
    "example": example()[0],
    "population": POPULATION,
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_good_files_pass(text: str) -> None:
    assert models_accept(text)
    assert [str(error) for error in validator().iter_errors(as_json(text))] == []


@pytest.mark.parametrize("fault", BROKEN)
def test_it_refuses_what_the_models_refuse(fault: str) -> None:
    old, new = BROKEN[fault]
    text = li2023()[0]
    assert old in text
    broken = text.replace(old, new, 1)
    assert not models_accept(broken)
    assert not validator().is_valid(as_json(broken))


@pytest.mark.parametrize("beside", ["[alive]\n", "[index]\n"])
def test_a_population_stands_alone(beside: str) -> None:
    assert not models_accept(POPULATION + beside)
    assert not validator().is_valid(as_json(POPULATION + beside))
