"""Bedside: `flows.landing.extract.extract_from`, whole types, as ``bedside extract`` lands them. Every page is checked;
every resource is kept as served, told from its duplicates, counted, hashed and written durably; what is missing is
named."""

from __future__ import annotations

import sys

from analysis.plan import plan
from analysis.study.model import Population, PopulationStudy, StudyHead
from benchmarks.extract.asked import Asked
from flows.landing.connect import connect
from flows.landing.extract import extract_from
from flows.sites import Limits, Site

PACKAGES = ("bedside", "msgspec", "requests", "urllib3")


def fetch(asked: Asked) -> None:
    """Leave a landing folder."""
    head = {"id": "bench", "title": "bench", "design": "none: extraction only", "data": "synthetic"}
    protocol = {"version": "1", "date": "2026-01-01", "registration": "none", "ethics": "not needed: synthetic data"}
    study = PopulationStudy(
        study=StudyHead.model_validate({**head, "protocol": protocol}), population=Population(types=asked.types)
    )
    site = Site(id="bench", base=asked.base, page_size=asked.page_size, limits=Limits(parallel=asked.threads))
    client = connect(site)
    try:
        manifest = extract_from(site, plan(study, {}), client, asked.out / "landing")
    finally:
        client.close()
    if not manifest.complete:
        print(
            "incomplete, and it says so:", [f"{m.type} {m.what}: {m.reason}" for m in manifest.missing], file=sys.stderr
        )
