"""What the code lists and maps of a study must hold for the use that is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.study.adverse_events import GRADES, NO_EVENT
from analysis.study.checks import RESPONSES, Document, Fault, get, map_names, scalars, texts
from analysis.study.faults import near_or_all
from analysis.study.lesions import ANSWERS
from analysis.study.toml_lines import Path
from mappings.codelists import CodeList, ConceptMapping

_VITAL = ("alive", "dead", "lost")
_MATERIAL_TABLES = {
    "used_device": ("device",),
    "used_substance": ("substance",),
    "used_code": ("procedure_used_code",),
    "administered": ("medication_administration", "medication"),
}


def code_lists(document: Document, lists: Mapping[str, CodeList]) -> Iterator[Fault]:
    """Lists whose content does not fit the use made of them."""
    for path, value in texts(document, "arm.*.all.*.any_of.*"):
        source, _, name = value.partition(":")
        made = lists.get(name)
        if made is not None and source == "text" and not made.words:
            yield path, f"list {name} has no words to look for in texts: add an include of system urn:bedside:text"
        tables = scalars(get(document, "list", name, "table"))
        places = _MATERIAL_TABLES.get(source)
        if places and tables and not set(places) & set(tables):
            yield path, f"list {name} is not looked for in {' or '.join(places)}: add it to [list.{name}] table"
    for path, name in texts(document, "index.event.list"):
        made = lists.get(name)
        if made is None:
            continue
        if not made.entries and not made.patterns:
            yield (
                path,
                f"list {name} holds words only: add codes, a server is asked for index procedures by code",
            )
        elif any(pattern.system is None for pattern in made.patterns):
            yield (
                path,
                f"list {name} has a pattern without a code system: add it, a server cannot be asked without",
            )


def concept_maps(document: Document, maps: Mapping[str, ConceptMapping]) -> Iterator[Fault]:
    """Maps and levels that do not meet."""
    restricted = {name for _, name in texts(document, "criterion.*.require.covariate", "criterion.*.exclude.covariate")}
    for path, name in map_names(document):
        if name not in maps:
            continue
        targets = sorted({row.target_code for row in maps[name].rows})
        if path[:2] == ("response", "lesions"):
            wrong = [target for target in targets if target not in ANSWERS]
            if wrong:
                yield path, f"the map gives {', '.join(wrong)}; its targets may be {', '.join(ANSWERS)}"
        elif path[0] == "supplement":
            continue  # which levels it may give is for the variable it feeds to say
        elif path[0] == "covariate":
            yield from _levels_met(document, path, targets, restricted)
        else:
            if path[0] == "adverse_events":
                levels: Sequence[Any] = (NO_EVENT, *GRADES)
            else:
                levels = _VITAL if path[0] == "alive" else scalars(get(document, "response", "order")) or RESPONSES
            allowed = [*map(str, levels), *(["NE"] if path[0] == "response" else [])]
            wrong = [target for target in targets if target not in allowed]
            if wrong:
                yield path, f"the map gives {', '.join(wrong)}; its targets may be {', '.join(allowed)}"


def _levels_met(document: Document, path: Path, targets: Sequence[str], restricted: set[str]) -> Iterator[Fault]:
    name = str(path[1])
    levels = get(document, "covariate", name, "levels")
    if not isinstance(levels, list):
        return
    for position, level in enumerate(levels):
        if str(level) not in targets:
            message = f"the map gives no {str(level)!r}{near_or_all(str(level), targets)}"
            yield ("covariate", name, "levels", position), message
    extra = [target for target in targets if target not in map(str, levels)]
    if extra and name not in restricted:
        message = (
            f"the map also gives {', '.join(extra)}: make it a level, or let a criterion on {name} decide who has it"
        )
        yield path, message
