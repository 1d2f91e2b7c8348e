"""Lines of a TOML text. Oracles: tomllib for which paths exist, the writer of the text for their lines."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.study.toml_lines import line_index, line_of, parse
from mappings.errors import DefinitionError

SAMPLE = '''# a comment with [brackets] and a = sign
title = "a # no comment"  # a comment

criterion = [
  { id = "one", require = { list = "x", window = "..0" } },   # ] }
  # between items
  { id = "two", exclude = { list = "y", above = 70 } },
]

[study]
protocol = { version = "1.0", date = 2023-09-01 }
note = """
several [lines]
"quoted" """
path = 'C:\\'

[[arm]]
id = "A"
all = [ { list = "t" }, { any_of = [
  "text:a",
  "text:b" ] } ]
[arm.more]
x = 1
[[arm]]
id = "B"
[covariate]
age.cut = [60]
"quoted key" = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("criterion",), 4),
        (("criterion", 0), 5),
        (("criterion", 0, "require", "window"), 5),
        (("criterion", 1, "id"), 7),
        (("criterion", 1, "exclude", "above"), 7),
        (("study",), 10),
        (("study", "protocol", "date"), 11),
        (("study", "note"), 12),
        (("study", "path"), 15),
        (("arm",), 17),
        (("arm", 0), 17),
        (("arm", 0, "all", 1, "any_of", 0), 20),
        (("arm", 0, "all", 1, "any_of", 1), 21),
        (("arm", 0, "more", "x"), 23),
        (("arm", 1), 24),
        (("arm", 1, "id"), 25),
        (("covariate", "age"), 27),
        (("covariate", "age", "cut", 0), 27),
        (("covariate", "quoted key"), 28),
    ],
)
def test_line_of_each_kind_of_place(path: tuple[str | int, ...], line: int) -> None:
    assert path in _paths(tomllib.loads(SAMPLE))
    assert line_index(SAMPLE)[path] == line


def test_a_missing_key_has_the_line_of_its_table() -> None:
    lines = line_index(SAMPLE)
    assert line_of(lines, ("arm", 1, "label")) == 24
    assert line_of(lines, ("nowhere",)) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ('x = [\n1,\n"', 3), ("[a]\n[a]\n", 2)],
)
def test_a_syntax_error_is_named_with_its_line(text: str, line: int) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse(text, "study.toml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("study.toml", line)
    assert "at line" not in problem.message


def _paths(value: Any, at: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ({at} if at else set()) | {path for key, item in inner for path in _paths(item, (*at, key))}


_keys = st.one_of(st.from_regex(r"[a-z0-9_-]{1,6}", fullmatch=True), st.text("a.\"'\\#=[]{}é\n", max_size=5))
_scalars = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.text("ab\"'\\#=[]{},\n\té", max_size=8),
    st.dates(),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=6,
)


class _Writer:
    """Writes a document as TOML in one of many spellings, noting the line of each path as it goes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[tuple[str | int, ...], int] = {}

    def line(self) -> int:
        return self.text.count("\n") + 1

    def gap(self, newlines: bool) -> None:
        self.text += self.draw(
            st.sampled_from(["", " ", "\t", "\n", " # a ] } = \" ' \n", "\r\n"] if newlines else ["", " "])
        )

    def key(self, key: str) -> None:
        bare = key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key)
        self.text += key if bare and self.draw(st.booleans()) else json.dumps(key, ensure_ascii=False)

    def value(self, value: Any, path: tuple[str | int, ...]) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for n, (key, item) in enumerate(value.items()):
                self.text += ", " if n else " "
                self.pair(key, item, path)
            self.text += " }"
        elif isinstance(value, list):
            self.text += "["
            for n, item in enumerate(value):
                self.text += "," if n else ""
                self.gap(newlines=True)
                self.lines[(*path, n)] = self.line()
                self.value(item, (*path, n))
                self.gap(newlines=True)
            self.text += "]"
        elif isinstance(value, str):
            self.string(value)
        elif isinstance(value, bool):
            self.text += str(value).lower()
        else:
            self.text += str(value)

    def string(self, value: str) -> None:
        plain = json.dumps(value, ensure_ascii=False)
        ways = [plain, '"""' + plain[1:-1] + '"""', '"""\n' + plain[1:-1] + '"""']
        if "'" not in value and "\t" not in value:
            ways += [f"'''{value}'''"] + ([] if "\n" in value else [f"'{value}'"])
        if not value.endswith('"') and '"""' not in value and "\\" not in value:
            ways.append(f'"""{value}"""')
        if value.endswith('"') and not value.endswith('""') and '""' not in value[:-1] and "\\" not in value:
            ways.append(f'"""{value}"""')
        self.text += self.draw(st.sampled_from(ways))

    def pair(self, key: str, item: Any, table: tuple[str | int, ...]) -> None:
        self.lines[(*table, key)] = self.line()
        self.key(key)
        self.gap(newlines=False)
        self.text += "="
        self.gap(newlines=False)
        self.value(item, (*table, key))

    def document(self, top: dict[str, Any], tables: dict[str, Any]) -> None:
        for key, item in top.items():
            self.pair(key, item, ())
            self.text += "\n"
        for name, table in tables.items():
            self.gap(newlines=True)
            bodies = table if isinstance(table, list) else [table]
            for n, body in enumerate(bodies):
                path: tuple[str | int, ...] = (name, n) if isinstance(table, list) else (name,)
                self.lines.setdefault((name,), self.line())
                self.lines.setdefault(path, self.line())
                self.text += "[[" if isinstance(table, list) else "["
                self.key(name)
                self.text += ("]]" if isinstance(table, list) else "]") + "\n"
                for key, item in body.items():
                    self.pair(key, item, path)
                    self.text += self.draw(st.sampled_from(["\n", " # [x]\n", "\r\n"]))


@st.composite
def _documents(draw: st.DrawFn) -> _Writer:
    bodies = st.dictionaries(_keys, _values, max_size=3)
    top = draw(bodies)
    tables = draw(st.dictionaries(_keys, st.one_of(bodies, st.lists(bodies, min_size=1, max_size=3)), max_size=3))
    writer = _Writer(draw)
    writer.document({k: v for k, v in top.items() if k not in tables}, tables)
    return writer


@settings(max_examples=300, deadline=None)
@given(_documents())
def test_every_path_of_generated_documents_has_its_line(written: _Writer) -> None:
    lines = line_index(written.text)
    assert set(lines) == _paths(tomllib.loads(written.text))
    assert lines == written.lines
