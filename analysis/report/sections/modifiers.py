"""modifierExtensions that the tables read past: which element, which address, how many resources, at how many sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.report.context import Context
from analysis.report.sections.provenance import count, records
from mappings.modifiers import MOST_URLS, OTHERS, UNREADABLE

IN_WORDS = {
    UNREADABLE: "not a plain web address or URN, so not shown",
    OTHERS: f"further addresses, beyond the {MOST_URLS} most frequent",
}


@dataclass(frozen=True)
class Line:
    """One element with one address; ``address`` is text from the data, or empty where ``instead`` stands for it."""

    element: str
    where: str
    address: str
    instead: str
    n: str
    sites: str
    site_names: tuple[str, ...]


def modifiers(context: Context) -> list[Line]:
    """A line for each element and address that the run counted; none where there was none."""
    return [_line(one, context) for one in records(context.provenance.get("modifier_extensions"))]


def elements(context: Context) -> list[str]:
    """The elements concerned, each once, in the order of the lines."""
    return list(dict.fromkeys(line.element for line in modifiers(context)))


def _line(record: dict[str, Any], context: Context) -> Line:
    element, url = str(record.get("path") or ""), str(record.get("url") or "")
    instead = IN_WORDS.get(url, "")
    names = tuple(str(name) for name in record.get("sites") or ())
    done = (context.provenance.get("sites") or {}).get("done")
    return Line(
        element=element,
        where=_where(element, url),
        address="" if instead else url,
        instead=instead,
        n=count(record.get("n"), context.study.disclosure.min_count),
        sites=_sites(len(names), done),
        site_names=names,
    )


def _where(element: str, url: str) -> str:
    """What the path means: FHIR's paths begin with the type, and a type alone is the whole resource."""
    if url == OTHERS:
        return "anywhere in the resource"
    return "a part of the resource" if "." in element else "the resource as a whole"


def _sites(having: int, done: object) -> str:
    if not having:
        return "not named"
    return f"{having} of {done}" if done is not None else f"{having}"
