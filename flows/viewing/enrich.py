"""What a person asks to be added to a view's rows: read from the command line and checked before any data are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mappings.code_model import CodeList, ConceptMapping
from mappings.elements import DATES, suggestion
from mappings.errors import DefinitionError, Problem
from mappings.quantities import UnitConversion
from mappings.viewdefinition import ViewDefinition

if TYPE_CHECKING:
    import ibis.expr.types as ir

_T = TypeVar("_T")
_Named = TypeVar("_Named", CodeList, ConceptMapping)

# What a view may call a column.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class Options:
    """The options of ``bedside view run`` that add something, as they are typed."""

    intervals: bool = False
    zone: str | None = None
    units: tuple[str, ...] = ()
    translate: tuple[str, ...] = ()
    member: tuple[str, ...] = ()


@dataclass(frozen=True)
class Membership:
    """Whether the coding of two columns is in a ValueSet, in the column ``into``. No system column: plain codes."""

    system: str | None
    code: str
    into: str
    codes: CodeList


@dataclass(frozen=True)
class Translation:
    """The coding of two columns translated by a ConceptMap, in the column ``into``."""

    system: str | None
    code: str
    into: str
    mapping: ConceptMapping


@dataclass(frozen=True)
class Enrichment:
    """What is added, in this order, and ``comparators``: columns of the view that are counted and nothing else.

    ``dates`` are the columns that get an interval.
    """

    comparators: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    zone: str | None = None
    units: tuple[UnitConversion, ...] = ()
    translations: tuple[Translation, ...] = ()
    members: tuple[Membership, ...] = ()


NOTHING = Enrichment()


def enrichment_of(view: ViewDefinition, options: Options, read: Callable[[str], bytes]) -> Enrichment:
    """What some options ask of a view. ``read`` gives a file's content.

    Raises:
        DefinitionError: an option cannot be read, names a column that is not there or of another kind, a name that is
            taken, a unit that is not known, or a file that cannot be used; with every fault found.
    """
    return _Checked(view, read).all(options)


class _Checked:
    """Builds an `Enrichment` option by option, on an empty table of the view's shape: it refuses what data would."""

    def __init__(self, view: ViewDefinition, read: Callable[[str], bytes]) -> None:
        import ibis

        from mappings.compiler import CompiledView

        self._view, self._read = view, read
        self._shape: ir.Table = ibis.table(CompiledView(view).columns, name="rows")
        self._problems: list[Problem] = []

    def all(self, options: Options) -> Enrichment:
        dates = self._dates(options)
        units = tuple(one for text in options.units for one in self._try("--unit", text, self._unit))
        translations = tuple(one for text in options.translate for one in self._try("--translate", text, self._map))
        members = tuple(one for text in options.member for one in self._try("--member", text, self._list))
        if self._problems:
            raise DefinitionError("What is asked for cannot be added:", tuple(self._problems))
        zone = options.zone if dates else None
        return Enrichment(_comparators(self._view), dates, zone, units, translations, members)

    def _try(self, option: str, text: str, make: Callable[[str], _T]) -> Sequence[_T]:
        try:
            return (make(text),)
        except DefinitionError as error:
            at = f"{option} {text}".strip()
            self._problems += error.problems or (Problem(str(error), at),)
            return ()

    def _dates(self, options: Options) -> tuple[str, ...]:
        if options.zone is not None:
            self._try("--zone", options.zone, _zone)
            if not options.intervals:
                self._problems.append(Problem("says in which zone a day is: say --intervals too", "--zone"))
        if not options.intervals:
            return ()
        return next(iter(self._try("--intervals", "", self._intervals)), ())

    def _intervals(self, _: str) -> tuple[str, ...]:
        from mappings.partial_dates import with_intervals

        dates = tuple(one.name for one in self._view.columns if one.type in DATES and not one.collection)
        if not dates:
            raise DefinitionError("the view has no column of type date, dateTime or instant with a single value")
        self._shape = with_intervals(self._shape, dates)
        return dates

    def _unit(self, text: str) -> UnitConversion:
        from mappings.quantities import with_units

        asked = UnitConversion.parse(text)
        self._shape = with_units(self._shape, [asked], ())
        return asked

    def _map(self, text: str) -> Translation:
        from mappings.code_files import read_concept_map
        from mappings.codelists import with_translation

        asked = Translation(*self._coding(text, "ConceptMap", read_concept_map, "map"))
        self._shape = with_translation(self._shape, asked.system, asked.code, asked.mapping, asked.into)
        return asked

    def _list(self, text: str) -> Membership:
        from mappings.code_files import read_value_set
        from mappings.codelists import with_membership

        asked = Membership(*self._coding(text, "ValueSet", read_value_set, "list"))
        self._shape = with_membership(self._shape, asked.system, asked.code, asked.codes, asked.into)
        return asked

    def _coding(
        self, text: str, kind: str, parse: Callable[[bytes, str], _Named], otherwise: str
    ) -> tuple[str | None, str, str, _Named]:
        """System column, code column, the new column and what the file holds."""
        system, code, file, name = _coded(text, kind)
        made = parse(self._content(file), file)
        return system, code, name or _default_name(made.name, file, otherwise), made

    def _content(self, file: str) -> bytes:
        try:
            return self._read(file)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise DefinitionError(f"the file {file} cannot be read ({error.strerror})") from None
        if _ADDRESS.match(file):
            raise DefinitionError(f"{file} is an address: save what it gives, and name the file")
        named = " (a NAME behind it is letters, digits and _ after a letter)" if ":" in file else ""
        raise DefinitionError(f"there is no file {file}{named}")


def _comparators(view: ViewDefinition) -> tuple[str, ...]:
    """Columns that hold the comparator of a quantity."""
    # SearchParameter has an element of that name that is no quantity's.
    if view.resource == "SearchParameter":
        return ()
    paths = ((one.name, one.path.rsplit(".", 1)[-1].strip()) for one in view.columns if not one.collection)
    return tuple(name for name, last in paths if last == "comparator")


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        near = suggestion(name, available_timezones())
        raise DefinitionError(f"is no time zone's name, for instance Europe/Berlin{near}") from None


def _coded(text: str, kind: str) -> tuple[str | None, str, str, str]:
    """System column (None: plain codes), code column, file and name (or nothing) of a text.

    The name is what follows the last colon if a column could be called so: ``C:\\codes\\liver.json`` is all file.
    """
    system, _, rest = text.partition(":")
    code, _, file = rest.partition(":")
    before, colon, name = file.rpartition(":")
    if not (colon and before and _NAME.fullmatch(name)):
        before, name = file, ""
    if not code or not before:
        raise DefinitionError(
            f"names no columns and file: write SYSTEM_COLUMN:CODE_COLUMN:FILE or, with the new column's name, "
            f"SYSTEM_COLUMN:CODE_COLUMN:FILE:NAME; FILE is a {kind}"
        )
    return system or None, code, before, name


def _default_name(name: str, file: str, otherwise: str) -> str:
    """A column's name made of a list's own, else of its file's."""
    for text in (name if name != file else "", PurePath(file).stem):
        spelled = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
        if spelled:
            return spelled if _NAME.fullmatch(spelled) else f"{otherwise}_{spelled}"
    return otherwise
