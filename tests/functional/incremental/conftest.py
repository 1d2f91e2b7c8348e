"""A sandbox that changes, and extracts of it: by what changed, and whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analysis.plan import Plan
from flows.landing.connect import connect
from flows.landing.extract import extract_from
from flows.landing.incremental import Incremental, extract_since
from flows.landing.manifest import Manifest
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.server import Limits, Sandbox, sandbox
from flows.sites import Site
from flows.store import State, Store
from tests.fixtures.changing_hospital import COHORT, SYSTEM, clock
from tests.fixtures.faulty_server import Fault, wrapped

Lines = dict[str, list[bytes]]


@dataclass
class Ward:
    """A server and the folders its extracts go to."""

    server: Sandbox
    folder: Path
    plan: Plan = COHORT
    settings: dict[str, Any] | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """What else the sites file says of the site."""

    @property
    def site(self) -> Site:
        given = {"id": "north", "base": self.server.base, "page_size": 4, "incremental": self.settings or {}}
        return Site.model_validate({**given, **self.more})

    @property
    def store(self) -> Store:
        return Store(self.folder / "store" / "changing" / "north")

    @property
    def state(self) -> State:
        state = self.store.read()
        assert state is not None
        return state

    def since(self, since: str = "auto", **changes: Any) -> Manifest:
        """An incremental extract into ``landing``."""
        asked = Incremental(self.site, self.plan, self.store, since, changes.pop("named", "north"), **changes)
        return extract_since(asked, self.folder / "landing")

    def put(self, type_: str, id_: str, **elements: Any) -> None:
        """Write a resource; ``patient`` and ``code`` stand for what they are in FHIR."""
        if "patient" in elements:
            elements["subject"] = {"reference": f"Patient/{elements.pop('patient')}"}
        if "code" in elements:
            elements["code"] = {"coding": [{"system": SYSTEM, "code": elements["code"]}]}
        self.server.put({"resourceType": type_, "id": id_, **elements})

    def screen(self, *patients: str) -> None:
        """Patients with an index event that used a device, and an Encounter each."""
        for patient in patients:
            self.put("Patient", patient)
            device = [{"reference": f"Device/of-{patient}"}]
            act = {"performedDateTime": "2021-05-05", "usedReference": device}
            self.put("Procedure", f"act-{patient}", patient=patient, code="act", **act)
            self.put("Device", f"of-{patient}")
            self.put("Encounter", f"seen-{patient}", patient=patient)

    def ids(self, type_: str) -> list[str]:
        """The ids landed of a type."""
        return sorted(json.loads(line)["id"] for line in self.landed().get(type_, ()))

    def landed(self) -> Lines:
        return lines(self.folder / "landing")

    def whole(self) -> Lines:
        """A fresh extract of everything: the oracle."""
        folder = self.folder / "whole"
        shutil.rmtree(folder, ignore_errors=True)
        client = connect(self.site)
        try:
            manifest = extract_from(self.site, self.plan, client, folder)
        finally:
            client.close()
        assert manifest.complete, manifest.missing
        return lines(folder)


def lines(folder: Path) -> Lines:
    """The lines of each type, sorted."""
    found: Lines = {}
    for file in folder.glob("[A-Z]*.ndjson"):
        found.setdefault(file.name.split(".")[0], []).extend(file.read_bytes().splitlines())
    return {type_: sorted(texts) for type_, texts in sorted(found.items())}


@pytest.fixture
def wards(tmp_path: Path) -> Iterator[Callable[..., Ward]]:
    """Makes wards, each with a server of its own that begins empty."""
    with ExitStack() as servers:
        made: list[Ward] = []

        def make(
            plan: Plan = COHORT,
            fault: Fault | None = None,
            wrap: Any = None,
            bulk: BulkSettings | None = None,
            **settings: Any,
        ) -> Ward:
            folder = tmp_path / f"ward-{len(made)}"
            (folder / "served").mkdir(parents=True)
            (folder / "served" / "Group.ndjson").write_text('{"resourceType":"Group","id":"g"}\n')
            limits = Limits(page_size=4, max_page_size=4)
            wrap = wrap if fault is None else wrapped(fault)
            bulk = BulkSettings(polls=0) if bulk is None else bulk
            served = sandbox(folder / "served", limits=limits, bulk=bulk, clock=clock(), wrap=wrap)
            server = servers.enter_context(served)
            made.append(Ward(server, folder, plan, settings))
            return made[-1]

        yield make


@pytest.fixture
def ward(wards: Callable[..., Ward]) -> Ward:
    return wards()
