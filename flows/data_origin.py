"""Where a site's data come from, as a hash, and which sites of two runs may be held against one another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flows.sites import Site, Sites


def origin_sha256(sites: Sites, site: Site) -> str:
    """A hash over what decides which records a site sends, beside the study's own searches.

    A folder counts by where it lies, however it was named. Not in it: the label, credentials, limits, pages, time
    zone, deaths, checks: with others the same records come.
    """
    method = site.method or ("search" if site.folder is None else "folder")
    said = {
        "base": None if site.base is None else site.base.rstrip("/"),
        "folder": None if site.folder is None else str(sites.folder_of(site).resolve()),
        "sandbox": site.sandbox,
        "method": method,
        "group": site.group,
        "bulk": site.bulk.model_dump(mode="json", exclude={"hours"}) if method == "bulk" else None,
        "parameters": dict(site.search.parameters),
        "cohort": None if site.search.cohort is None else str(sites.place_of(site.search.cohort).resolve()),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def same_sites(now: Mapping[str, Any], then: Mapping[str, Any]) -> frozenset[str]:
    """The sites of a run whose data came from the same place and by the same filters in another run.

    Both are what ``run.json`` says. What else may differ changes no record: ``--allow-incomplete``, the engine,
    ``--since``, other sites, and what a study says of arms, endpoints and statistics, as long as it asks for the same.
    """
    before = (then.get("sources_sha256") or {}, then.get("filters_sha256") or {})
    sources, filters = now.get("sources_sha256") or {}, now.get("filters_sha256") or {}
    return frozenset(
        site
        for site in filters.keys() & sources.keys()
        if (sources[site], filters[site]) == (before[0].get(site), before[1].get(site))
    )


def same_views(now: Mapping[str, Any], then: Mapping[str, Any]) -> frozenset[str]:
    """The views that make the same tables of the same records in both runs."""
    before = then.get("views_sha256") or {}
    return frozenset(name for name, sha in (now.get("views_sha256") or {}).items() if before.get(name) == sha)
