"""From the plan's searches to the requests that one server is sent: its sites file may say how it wants to be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from analysis.plan import Search, requests
from flows.client.paging import Parameters
from flows.site_searches import Searching
from flows.sites import Site, Sites
from mappings.errors import SourceError

LAST_UPDATED = "_lastUpdated"
SORTED = ("_sort", LAST_UPDATED)


def asked_of(search: Search, how: Searching) -> Search:
    """The search as this server gets it: index events only of the patients listed, where there is a list."""
    if search.phase != "index" or how.cohort is None:
        return search
    return replace(search, by="patient", arrival=replace(search.arrival, by="patient"))


def requests_to(search: Search, keys: Collection[str], how: Searching) -> Iterator[Parameters]:
    """The parameters of each request; ids come last, as in the plan."""
    more = (*how.sent_with(search.type), *how.along(search.type))
    widened = replace(search, parameters=(*search.parameters, *more))
    for parameters in requests(widened, keys):
        if search.by:
            yield from _of_some_ids(parameters, how.ids_per_request)
        else:
            sort = (SORTED,) if how.cursor else ()
            yield from ((*parameters, *sort, *window) for window in _windows(how.windows))


def _of_some_ids(parameters: Parameters, most: int | None) -> Iterator[Parameters]:
    *others, (name, ids) = parameters
    each = ids.split(",")
    for start in range(0, len(each), most or len(each)):
        yield (*others, (name, ",".join(each[start : start + (most or len(each))])))


def _windows(days: Sequence[date]) -> Iterator[Parameters]:
    """The newest last: what is edited while the others are read moves into it."""
    for low, high in zip((None, *days), (*days, None), strict=True):
        bounds = ((f"ge{low}",) if low else ()) + ((f"lt{high}",) if high else ())
        yield tuple((LAST_UPDATED, bound) for bound in bounds)


def located(site: Site, sites: Sites | None) -> Site:
    """The site with the file of its patients named from anywhere, not only from the sites file's folder."""
    if site.search.cohort is None or sites is None:
        return site
    place = str(sites.place_of(site.search.cohort).absolute())
    return site.model_copy(update={"search": site.search.model_copy(update={"cohort": place})})


def listed_patients(how: Searching) -> frozenset[str]:
    """The patients of the list, where there is one; raises as `cohort_of`."""
    return frozenset() if how.cohort is None else cohort_of(Path(how.cohort))


def cohort_of(file: Path) -> frozenset[str]:
    """The ids in a list of patients: one a line, with or without ``Patient/``; blank lines and ``#`` are left out.

    Raises:
        SourceError: there is no such file, or no id in it. What stands in it is not shown.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise SourceError(f"the list of patients {file} cannot be read") from None
    ids = (line.partition("#")[0].strip().removeprefix("Patient/") for line in lines)
    found = frozenset(each for each in ids if each)
    if not found:
        raise SourceError(f"the list of patients {file} names nobody")
    return found
