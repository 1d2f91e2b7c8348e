"""Run one view on one source: its rows into a file, and the ledger of what has become of every resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.acceptance.counts import TypeCounts
from flows.engines import EngineChoice, connected
from flows.landing.folder import SourceFile
from flows.landing.manifest import TypeCount
from flows.progress import Progress
from flows.viewing.added import Counted, Counts, kept_if_read_again, schema_of, with_added
from flows.viewing.enrich import NOTHING, Enrichment
from flows.viewing.faults import name_fault
from flows.viewing.files import named_type
from flows.viewing.output import Output, written
from flows.viewing.sources import Inputs, Source, gather
from flows.viewing.views import LoadedView
from mappings.errors import BedsideError, UnusableDataError

if TYPE_CHECKING:
    from mappings.compiler import CompiledView, ViewCounts
    from mappings.read_schema import Need


@dataclass(frozen=True)
class Ran:
    """What one run came to. ``lost`` counts references without key by (path, reason), ``modifiers``
    modifierExtensions that were read past by (element, url), ``others`` resources of other types, and
    ``not_fhir`` names files of other JSON. ``added`` are the columns that were asked for beside the view's own, and
    ``counted`` the rows that these, or comparators, leave something to say of."""

    rows: int
    counts: ViewCounts
    others: dict[str, int]
    not_fhir: tuple[str, ...]
    lost: dict[tuple[str, str], int]
    modifiers: dict[tuple[str, str], int]
    judged: TypeCounts | None
    received: TypeCount | None
    through_double: bool
    added: tuple[str, ...]
    counted: Counts


def run_view(
    loaded: LoadedView,
    source: Source,
    output: Output,
    choice: EngineChoice,
    exact: bool,
    progress: Progress,
    asked: Enrichment = NOTHING,
) -> Ran:
    """Write the rows of a view with what is ``asked`` for beside them. Nothing is written where anything of the source
    cannot be read.

    Raises:
        BedsideError: as :func:`flows.viewing.sources.gather`, and the engines' own.
    """
    from mappings.compiler import compile_view

    with TemporaryDirectory(prefix="bedside-view-") as folder:
        scratch = Path(folder)
        inputs = gather(source, loaded.view.resource, scratch, exact, progress)
        compiled = compile_view(loaded.view, inputs.bases)
        with connected(choice) as con:
            if choice.name == "duckdb":
                con.raw_sql(f"SET temp_directory = '{scratch / 'engine'}'")  # else beside the command
            return _Run(loaded.name, compiled, con, inputs, output, exact, progress, asked).whole()


@dataclass(frozen=True)
class _Run:
    name: str
    compiled: CompiledView
    con: Any
    inputs: Inputs
    output: Output
    exact: bool
    progress: Progress
    asked: Enrichment

    def whole(self) -> Ran:
        """Read the files as they are; where that does not go, take the resources of the type out of them first."""
        try:
            types = self._types()
            # What has gone to standard output cannot be taken back: there it must go at the first attempt.
            apart = self._odd(types) or (self.output.path is None and len(types) > 1)
            if not (apart and self.inputs.direct):
                return self._read(types)
        except BedsideError as error:
            if self.exact or not _of_the_data(error):
                raise
            self._name_fault()
            if not _engine_failed(error):
                raise
            if not self.inputs.direct or self.output.path is None:
                raise self._unreadable() from None
        self.inputs.split(self.progress)
        try:
            return self._read(self._types())
        except BedsideError as error:
            if not _of_the_data(error):
                raise
            self._name_fault()
            if not _engine_failed(error):
                raise
        raise self._unreadable()

    def _name_fault(self) -> None:
        label = "what was taken out of the source's files" if self.inputs.landed is None else "what the server gave"
        written = [SourceFile(path, label, self.inputs.type) for path in self.inputs.written]
        name_fault([*self.inputs.direct, *written], self.inputs.type, self.compiled.needs, self.progress)

    def _unreadable(self) -> UnusableDataError:
        return UnusableDataError(
            f"the view {self.name!r} cannot read one of the resources: an element has another shape than in FHIR; "
            "--exact quarantines such resources and says which rule they break"
        )

    def _odd(self, types: dict[str | None, int]) -> bool:
        """Whether some lines hold no resource, or a Bundle."""
        bundles = 0 if self.compiled.resource_type == "Bundle" else types.get("Bundle", 0)
        return bool(bundles) or not all(map(named_type, types))

    def _types(self) -> dict[str | None, int]:
        """How many resources of each type the files hold."""
        from mappings import engine
        from mappings.read_schema import Need

        with engine.clear_errors(self.name):
            own = engine.of(self.con)
            table = own.read(self.con, self.inputs.paths(), {"resourceType": Need("text", False)})
            found = own.arrow(self.con, table.group_by("resourceType").aggregate(n=table.count()))
        return {row["resourceType"]: row["n"] for row in found.to_pylist()}

    def _read(self, types: dict[str | None, int]) -> Ran:
        from mappings.reference_losses import loss_paths

        view, paths = self.compiled.view, self.inputs.paths()
        schema = schema_of(self.compiled.columns, self.asked)
        with written(self.output, schema) as write:
            rows, counted = self._rows(paths, write)
            counts = self._counts(types, paths)
            if counts.accepted != types.get(view.resource, 0):
                raise UnusableDataError("the source's files were changed while they were read")
            lost = self.compiled.reference_losses(self.con, paths) if loss_paths(view) else {}
            modifiers = self.compiled.modifier_counts(self.con, paths)
        others = self.inputs.others + Counter({t: n for t, n in types.items() if t is not None and t != view.resource})
        landed = self.inputs.landed
        return Ran(
            rows,
            counts,
            dict(sorted(others.items())),
            tuple(self.inputs.not_fhir),
            dict(sorted(lost.items())),
            dict(sorted(modifiers.items())),
            self.inputs.judged,
            landed.types.get(view.resource, TypeCount()) if landed is not None else None,
            self.con.name == "duckdb" and not self.exact and self._reads_decimals(),
            tuple(name for name in schema.names if name not in self.compiled.columns),
            counted,
        )

    def _reads_decimals(self) -> bool:
        columns = (column.stored == "decimal" for column in self.compiled.view.columns)
        return any(columns) or any(map(_holds_decimal, self.compiled.needs.values()))

    def _rows(self, paths: list[str], write: Callable[[Any], None]) -> tuple[int, Counts]:
        from mappings import engine

        rows, scratch = 0, self.inputs.scratch
        with engine.clear_errors(self.name):
            relation = self.compiled.relation(self.con, paths)
            with kept_if_read_again(self.con, relation, self.asked, scratch) as kept:
                counted = Counted(with_added(kept, self.asked, self.con), self.asked)
                with engine.of(self.con).batches(self.con, counted.rows, scratch) as batches:
                    for batch in batches:
                        write(counted.split(batch))
                        rows += batch.num_rows
                        self.progress("rows", rows, None)
        return rows, counted.counts()

    def _counts(self, types: dict[str | None, int], paths: list[str]) -> ViewCounts:
        from mappings.compiler import ViewCounts
        from mappings.read_schema import overs

        view = self.compiled.view
        if not view.where and not any(overs(view.select)):
            read = types.get(view.resource, 0)
            return ViewCounts(read, read, 0, 0)  # each resource has its row
        return self.compiled.count(self.con, paths)


def _of_the_data(error: BedsideError) -> bool:
    """Whether a look at the files may say which line an engine means."""
    return _engine_failed(error) or isinstance(error, UnusableDataError)


def _engine_failed(error: BedsideError) -> bool:
    """Whether an engine said that it cannot read on, for no reason that is known yet."""
    return type(error) is BedsideError


def _holds_decimal(need: Need) -> bool:
    return need.stored == "decimal" or any(_holds_decimal(inner) for _, inner in need.inside)
