"""Rows as a file or a stream: Parquet, CSV, NDJSON or Arrow, a batch at a time. A file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import orjson

from flows.landing.writer import sync_folder
from mappings.elements import suggestion
from mappings.errors import DefinitionError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "csv", "ndjson", "arrow")
_SUFFIXES = {
    **{f".{name}": name for name in FORMATS},
    ".jsonl": "ndjson",
    ".feather": "arrow",
}
STREAM = "-"
_ROW_GROUP = 122_880


@dataclass(frozen=True)
class Output:
    """Where rows go (None: standard output) and as what."""

    path: Path | None
    format: str


def output_of(out: str, to: str | None) -> Output:
    """What ``-o`` and ``--to`` say together.

    Raises:
        DefinitionError: the format is not known or cannot be streamed, or the file cannot be written there.
    """
    if to is not None and to not in FORMATS:
        raise DefinitionError(f"--to {to} is not known{suggestion(to, FORMATS)} ({', '.join(FORMATS)})")
    if out == STREAM:
        if to is None:
            raise DefinitionError("standard output has no ending that tells a format: say --to csv, ndjson or arrow")
        if to == "parquet":
            raise DefinitionError("Parquet cannot be streamed: say -o FILE, or --to csv, ndjson or arrow")
        return Output(None, to)
    path = Path(out).expanduser()
    made = to or _SUFFIXES.get(path.suffix.lower())
    if made is None:
        raise DefinitionError(f"the ending of {path.name} tells no format: say --to {', '.join(FORMATS)}")
    if path.is_dir():
        raise DefinitionError(f"{out} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise DefinitionError(f"there is no folder {path.parent} to write {path.name} into")
    if not os.access(path.parent, os.W_OK):
        raise DefinitionError(f"the folder {path.parent} cannot be written to")
    return Output(path, made)


class Writer(Protocol):
    """Takes rows."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


@contextmanager
def written(output: Output, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """A function that takes batches of rows. The file is there when the block ends well, and not otherwise."""
    import pyarrow as pa

    with _sink(output.path) as sink:
        writer = _WRITERS[output.format](sink, schema, output.path is None)

        def write(batch: pa.RecordBatch) -> None:
            # Engines differ in what they say of null and of the items of lists; a file is the same from each.
            table = pa.Table.from_batches([batch])
            for same in (table if table.schema == schema else table.cast(schema)).to_batches():
                writer.write(same)

        try:
            yield write
        except BaseException:
            if output.path is not None:  # a stream that broke off must not look ended
                with suppress(Exception):
                    writer.close()
            raise
        writer.close()


@contextmanager
def _sink(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=1 << 20) as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise DefinitionError(f"{path.name} cannot be written ({error.strerror or type(error).__name__})") from None
    finally:
        part.unlink(missing_ok=True)


class _Parquet:
    """One row group for some 120,000 rows, whatever the size of the batches."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, stream: bool) -> None:
        import pyarrow.parquet

        del stream
        self._schema = schema
        self._writer = pyarrow.parquet.ParquetWriter(sink, schema)
        self._waiting: list[Any] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch)
        if sum(one.num_rows for one in self._waiting) >= _ROW_GROUP:
            self._out()

    def _out(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []

    def close(self) -> None:
        self._out()
        self._writer.close()


class _Arrow:
    """Arrow's file format in a file, its stream format in a stream."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, stream: bool) -> None:
        import pyarrow as pa

        self._writer = (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class _Csv:
    """RFC 4180 with a line feed, UTF-8. Null is nothing, an empty text is ``""``; a list is its JSON."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, stream: bool) -> None:
        import pyarrow as pa
        import pyarrow.csv

        del stream
        kept = [field if _is_plain(field.type) else pa.field(field.name, pa.string()) for field in schema]
        self._schema = pa.schema(kept)
        self._writer = pyarrow.csv.CSVWriter(sink, self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        columns = [_csv_column(column) for column in batch.columns]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _Ndjson:
    """One object a line; decimals are JSON numbers with all their digits."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema, stream: bool) -> None:
        del stream
        self._sink, self._names = sink, schema.names

    def write(self, batch: pa.RecordBatch) -> None:
        rows = zip(*map(_json_values, batch.columns), strict=True)
        names = self._names
        made = (orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        self._sink.write(b"".join(made))

    def close(self) -> None:
        return


_WRITERS: dict[str, Callable[[BinaryIO, Any, bool], Writer]] = {
    "parquet": _Parquet,
    "csv": _Csv,
    "ndjson": _Ndjson,
    "arrow": _Arrow,
}


def _is_plain(type_: pa.DataType) -> bool:
    """Whether CSV writes the type as it is."""
    import pyarrow as pa

    return not (pa.types.is_decimal(type_) or pa.types.is_list(type_))


def _csv_column(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_list(column.type):
        texts = [None if one is None else orjson.dumps(one).decode() for one in _json_values(column)]
        return pa.array(texts, pa.string())
    return column if _is_plain(column.type) else decimal_texts(column)


def _json_values(column: pa.Array) -> list[Any]:
    """A column as values orjson writes."""
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        return [None if one is None else orjson.Fragment(one) for one in decimal_texts(column).to_pylist()]
    if pa.types.is_list(column.type) and pa.types.is_decimal(column.type.value_type):
        return [
            None if one is None else [None if item is None else orjson.Fragment(_decimal_text(item)) for item in one]
            for one in column.to_pylist()
        ]
    return list(column.to_pylist())


def decimal_texts(column: pa.Array) -> pa.Array:
    """Decimals as texts with all digits but needless zeros: 1.1, 0, 0.0000001."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(column, pa.string())
    odd = pc.match_substring(texts, "E")  # Arrow writes 0 as 0E-18
    plain = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    if not pc.any(odd).as_py():
        return plain
    slow = [
        _decimal_text(one) if is_odd else None for one, is_odd in zip(column.to_pylist(), odd.to_pylist(), strict=True)
    ]
    return pc.if_else(odd, pa.array(slow, pa.string()), plain)


def _decimal_text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
