"""A small hospital behind a scripted server: three patients, two of them with the index procedure, and a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from analysis.arrival import Arrival
from analysis.plan import Plan, Search
from flows.client.retry import RetryRules
from flows.landing.connect import connect
from flows.landing.extract import extract_from
from flows.landing.manifest import Manifest
from flows.sites import Site
from mappings.codelists import CodeEntry, CodeList
from tests.unit.client.scripted_server import CAPABILITY, Answer, Asked, ScriptedServer, bundle

Override = Callable[[Asked, Answer], Answer]

INDEX_CODES = CodeList("act", entries=(CodeEntry("http://snomed.info/sct", "441525007"),))
CANARY = "canary-5ecret"
PATIENT_CANARY = "p1-patient-canary"

PLAN = Plan(
    "small",
    "cohort",
    (
        Search(
            "index",
            "Procedure",
            (("code", "http://snomed.info/sct|441525007"),),
            "",
            Arrival("Procedure", lists=(INDEX_CODES,)),
            "index",
        ),
        Search("cohort", "Patient", (), "_id", Arrival("Patient", by="_id"), "the patients"),
        Search("cohort", "Observation", (), "patient", Arrival("Observation", by="patient"), "all"),
        Search("referenced", "Device", (), "_id", Arrival("Device", by="_id"), "named"),
    ),
)


def _meta(version: str = "1") -> dict[str, Any]:
    return {"versionId": version}


def resources() -> list[dict[str, Any]]:
    """Everything the hospital has: 3 patients, 3 procedures, 2 devices, 7 observations."""
    made: list[dict[str, Any]] = []
    for patient in (PATIENT_CANARY, "p2", "p3"):
        made.append({"resourceType": "Patient", "id": patient, "meta": _meta()})
        code = "441525007" if patient != "p3" else "999"
        made.append(
            {
                "resourceType": "Procedure",
                "id": f"act-{patient}",
                "meta": _meta(),
                "subject": {"reference": f"Patient/{patient}"},
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
                "usedReference": [{"reference": "Device/d1"}],
            }
        )
    for n, patient in enumerate([PATIENT_CANARY] * 3 + ["p2"] * 2 + ["p3"] * 2):
        made.append(
            {
                "resourceType": "Observation",
                "id": f"o{n}",
                "meta": _meta(),
                "subject": {"reference": f"Patient/{patient}"},
                "valueQuantity": {"value": n + 0.5},
            }
        )
    made += [{"resourceType": "Device", "id": f"d{n}", "meta": _meta()} for n in (1, 2)]
    return made


COHORT_COUNTS = {"Device": 1, "Observation": 5, "Patient": 2, "Procedure": 2}


class Hospital:
    """Answers the searches of `PLAN`, two resources a page by opaque links; ``override`` may change any answer."""

    def __init__(self, server: ScriptedServer, override: Override = lambda _, answer: answer, size: int = 2) -> None:
        self.server, self.override, self.size = server, override, size
        self.all = resources()
        self.searches: list[tuple[str, list[dict[str, Any]]]] = []

    def __call__(self, asked: Asked) -> Answer:
        return self.override(asked, self._answer(asked))

    def _answer(self, asked: Asked) -> Answer:
        if asked.path == "/fhir/metadata":
            return CAPABILITY
        parameters = dict(asked.parameters) | dict(asked.form)
        if asked.path == "/fhir":
            name, page = (int(part) for part in parameters["page"].split("-"))
            return self._page(name, page)
        type_ = asked.path.removeprefix("/fhir/").removesuffix("/_search")
        self_link = f"{self.server.base}/{type_}?" + "&".join(f"{k}={v}" for k, v in parameters.items())
        self.searches.append(
            (self_link, [r for r in self.all if r["resourceType"] == type_ and matches(r, parameters)])
        )
        return self._page(len(self.searches) - 1, 1)

    def _page(self, search: int, page: int) -> Answer:
        self_link, found = self.searches[search]
        shown = found[(page - 1) * self.size : page * self.size]
        following = f"{self.server.base}?page={search}-{page + 1}" if page * self.size < len(found) else None
        return bundle(shown, following, self_link=self_link, total=len(found))


def matches(resource: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    """The search parameters `PLAN` uses."""
    if "code" in parameters:
        return parameters["code"].endswith("|" + resource["code"]["coding"][0]["code"])
    if "_id" in parameters:
        return resource["id"] in parameters["_id"].split(",")
    if "patient" in parameters:
        return resource["subject"]["reference"].removeprefix("Patient/") in parameters["patient"].split(",")
    return True


def extract(server: ScriptedServer | str, folder: Path, plan: Plan = PLAN, **site: Any) -> Manifest:
    """Extract the hospital; nothing sleeps."""
    made = Site(id="north", base=server if isinstance(server, str) else server.base, **site)
    client = connect(made, rules=RetryRules(), sleep=lambda _: None)
    try:
        return extract_from(made, plan, client, folder)
    finally:
        client.close()


def landed(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What lies in the landing folder, by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("[A-Z]*.ndjson")):
        lines = [json.loads(line) for line in file.read_bytes().splitlines()]
        found.setdefault(file.name.split(".")[0], []).extend(lines)
    return found


def assert_balanced(manifest: Manifest, folder: Path) -> None:
    """The ledger balances, and the files hold what it says."""
    found = landed(folder)
    for type_, count in manifest.types.items():
        assert count.balanced, type_
        assert count.landed == len(found.get(type_, [])), type_
    assert {file.name for file in manifest.files} == {path.name for path in folder.glob("[A-Z]*.ndjson")}
