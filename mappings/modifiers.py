"""modifierExtensions on what a view reads: counted by element and url, because a view cannot see what they say.

A modifierExtension may turn a statement into its opposite, and FHIR forbids to process an element that has one which
is not understood (R4, Extensibility, 2.4.0.1). A ViewDefinition reads past it. Counted are the resources that stay in a
view and carry one on the resource itself, or on any element the view's paths go through, those in conditions too; a
resource counts once for each (element, url).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import ibis
import ibis.expr.types as ir

from mappings import engine
from mappings.elements import elements_of, is_primitive
from mappings.expressions import exists, value
from mappings.fhirpath.typed import Field, Typed, origin
from mappings.fhirpath.typed import Focus as Start
from mappings.read_schema import Path, paths_read, views_paths
from mappings.unnesting import Focus, Unnesting
from mappings.viewdefinition import Each, Repeat, Selection, ViewDefinition

MODIFIER = "modifierExtension"
UNREADABLE = "unreadable"
"""Stands for a url that is no plain address: it is written by whoever made the data, and is not shown."""
OTHERS = "others"
"""Stands for the urls beyond the most frequent."""
MOST_URLS = 20
_NUMBER = "_Resource"

# An address without query, fragment and user, or a URN; both short. Extension urls are of this form.
_ADDRESS = (
    r"^(?:https?://[A-Za-z0-9.-]{1,100}(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]{1,80}){0,12}/?"
    r"|urn:(?:oid:[0-9.]{1,100}|uuid:[0-9a-fA-F-]{36}|[a-z0-9-]{2,32}:[A-Za-z0-9:._-]{1,120}))$"
)


def modifier_paths(view: ViewDefinition) -> frozenset[Path]:
    """The JSON paths to read for the modifierExtensions of a view; none where no element on its way can carry one."""
    places = _places(view)
    if not places:
        return frozenset()
    return _over_paths(places) | {path for place in places for path in place.read}


def modifier_counts(
    view: ViewDefinition, table: ir.Table, con: Any, bases: Sequence[str], read: frozenset[Path]
) -> dict[tuple[str, str], int]:
    """Resources by (element, url), over a table of the view's resources; none at all is an empty dict.

    The element is written as in FHIR (``Observation.component``). At most ``MOST_URLS`` pairs, the most frequent, are
    named; the rest is one line with the url ``others``.
    """
    places = _places(view)
    own = engine.of(con)
    unnesting = Unnesting(tuple(bases), read, con)
    grouped = _grouped(places)
    if len(grouped) > 1:
        # Only a repeat makes several rows of a resource, which is then told from others by a number.
        table = own.kept(con, own.numbered(table, _NUMBER))
        parts = [_pairs(table, unnesting, over, here, _NUMBER) for over, here in grouped.items()]
        rows = ibis.union(*parts, distinct=True)
    else:
        rows = _pairs(table, unnesting, (), places)
    counted = rows.group_by(["path", "url"]).agg(n=ibis._.count())
    counted = counted.mutate(all=counted.n.sum().over(ibis.window()))
    most = counted.order_by(ibis.desc("n"), "path", "url").limit(MOST_URLS)
    found = own.arrow(con, most).to_pylist()
    named = {(str(row["path"]), str(row["url"])): int(row["n"]) for row in found}
    beyond = int(found[0]["all"]) - sum(named.values()) if found else 0
    return dict(sorted(named.items())) | ({(view.resource, OTHERS): beyond} if beyond else {})


class _Place:
    """An element that can carry a modifierExtension, below the items of repeats (``over``; none: from the resource)."""

    def __init__(self, over: tuple[Each | Repeat, ...], base: Typed, resource: str) -> None:
        at = origin(base) or ()
        self.over = over
        self.urls = Field(Field(base, MODIFIER, "Extension", True), "url", "uri", True)
        self.name = ".".join((resource, *(name for name in at if name != "*")))
        self.read = ((*at, MODIFIER, "url"),)


def _places(view: ViewDefinition) -> list[_Place]:
    """Where to look: from the resource along every path, and along those below a repeat from its items."""
    found: dict[tuple[str, tuple[Each | Repeat, ...]], _Place] = {}
    read = views_paths(view)

    def add(over: tuple[Each | Repeat, ...], start: Start, paths: Iterator[Path]) -> None:
        for path in paths:
            for base in _along(start, path):
                if (*(origin(base) or ()), "*") in read:
                    continue  # the repeat itself looks at it, at every depth
                made = _Place(over, base, view.resource)
                found.setdefault((made.name, over), made)

    add((), Start(view.resource), (path for path in sorted(read) if "*" not in path))
    for over, below in _repeats(view.select, ()):
        add(over, below, (path[len(below.origin) :] for path in sorted(read) if _is_below(path, below.origin)))
    return list(found.values())


def _is_below(path: Path, start: Path) -> bool:
    """Whether a path is below the items of a repeat, and not below a further repeat in them."""
    return path[: len(start)] == start and "*" not in path[len(start) :]


def _along(start: Start, path: Path) -> Iterator[Typed]:
    """The start and the elements of a path that can carry a modifierExtension."""
    node: Typed = start
    for name in (None, *path):
        if name is not None:
            element = None if is_primitive(node.type) else elements_of(node.type).get(name)
            if element is None:
                return
            node = Field(node, element.name, element.type, element.many or node.many)
        if not is_primitive(node.type) and MODIFIER in elements_of(node.type):
            yield node


def _repeats(select: Selection, over: tuple[Each | Repeat, ...]) -> Iterator[tuple[tuple[Each | Repeat, ...], Start]]:
    """Each repeat with all that stands over it, and what a path begins at below it."""
    if select.over is not None:
        plain = Each(select.over.items, False, select.over.where) if isinstance(select.over, Each) else select.over
        over = (*over, plain)
        if isinstance(plain, Repeat):
            first = plain.first[0]
            yield over, Start(first.type, (*(origin(first) or ()), "*"))
    for part in (*select.selections, *select.union):
        yield from _repeats(part, over)


def _over_paths(places: Sequence[_Place]) -> frozenset[Path]:
    return paths_read((), dict.fromkeys(over for place in places for over in place.over))


def _grouped(places: Sequence[_Place]) -> dict[tuple[Each | Repeat, ...], list[_Place]]:
    found: dict[tuple[Each | Repeat, ...], list[_Place]] = {}
    for place in places:
        found.setdefault(place.over, []).append(place)
    return found


def _pairs(
    table: ir.Table, unnesting: Unnesting, over: tuple[Each | Repeat, ...], places: Sequence[_Place], *kept: str
) -> ir.Table:
    """(path, url) and the ``kept`` columns: each pair once for a row, which is a resource or an item of a repeat."""
    rows, focus = table, Focus()
    for one in over:
        rows, focus = unnesting.over(rows, one, focus, False)
    at = unnesting.place(rows, focus)
    # Nearly no resource has one: the rest is let go before lists are made of it.
    rows = rows.filter(ibis.or_(*(exists(place.urls, at) for place in places)))
    at = unnesting.place(rows, focus)
    nothing = ibis.literal([], type="array<struct<path: string, url: string>>")
    listed = [_named(place, value(place.urls, at)).fill_null(nothing) for place in places]
    together = reduce(lambda a, b: a.concat(b), listed)
    pairs = rows.select(*kept, pair=together.unique().unnest())
    return pairs.select(*kept, path=pairs.pair["path"], url=pairs.pair["url"])


def _named(place: _Place, urls: ir.ArrayValue) -> ir.ArrayValue:
    name = place.name

    def one(url: ir.StringValue) -> ir.StructValue:
        shown = ibis.ifelse(url.re_search(_ADDRESS), url, ibis.literal(UNREADABLE))
        return ibis.struct({"path": ibis.literal(name), "url": shown})

    return urls.map(one)
