"""Pages of a search on disk. Oracle: the pages that were given, and for a cut file its longest whole beginning."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.client.paging import PageMark
from flows.landing.page_journal import Ending, Entries, Item, JournalPage, PageJournal

texts = st.text(max_size=8)
items = st.builds(
    Item,
    type=texts,
    id=texts,
    version=texts,
    mode=texts,
    leave_out=texts,
    patient=texts,
    refers_to=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    text=st.binary(max_size=30),
)
marks = st.builds(
    PageMark,
    attempt=st.integers(1, 3),
    number=st.integers(1, 9),
    url=texts,
    next_link=st.none() | texts,
    asked=texts,
    ids=texts,
    total=st.none() | st.integers(0, 9),
    total_exact=st.booleans(),
    not_applied=st.lists(texts, max_size=2).map(tuple),
    posted=st.booleans(),
)
pages = st.lists(
    st.builds(JournalPage, marks, st.lists(items, max_size=4).map(Entries.of), st.integers(0, 3)), max_size=4
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def written(path: Path, some: list[JournalPage], ending: Ending | None = None) -> None:
    path.unlink(missing_ok=True)
    journal = PageJournal(path, "x")
    for page in some:
        journal.add(page.mark, page.entries, page.empty_entries)
    if ending is not None:
        journal.end(ending)
    journal.close()


def shown(some: Iterable[JournalPage]) -> list[tuple[PageMark, list[Item], int]]:
    return [(page.mark, page.entries.items, page.empty_entries) for page in some]


@quick
@given(some=pages, ending=st.none() | st.builds(Ending, texts, st.booleans()))
def test_gives_back_what_it_took(some: list[JournalPage], ending: Ending | None, tmp_path: Path) -> None:
    path = tmp_path / "search-000001.pages"
    written(path, some, ending)
    again = PageJournal(path, "x")
    assert shown(again.read()) == shown(some)
    assert (again.marks, again.ending) == ([page.mark for page in some], ending)
    assert path.stat().st_mode & 0o777 == 0o600
    again.remove()
    assert list(tmp_path.iterdir()) == []


@quick
@given(some=pages.filter(bool), more=pages, at=st.floats(0, 1), garbage=st.binary(max_size=20))
def test_what_was_half_written_is_cut_off_and_gone_on_from(
    some: list[JournalPage], more: list[JournalPage], at: float, garbage: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "search-000001.pages"
    ends = []
    for n in range(len(some) + 1):
        written(path, some[:n])
        ends.append(path.stat().st_size)
    cut = int(at * ends[-1])
    path.write_bytes(path.read_bytes()[:cut] + garbage)
    whole = sum(end <= cut for end in ends[1:])

    journal = PageJournal(path, "x")
    # Garbage that happens to be a whole record would need its own checksum.
    assert journal.marks == [page.mark for page in some[:whole]]
    for page in more:
        journal.add(page.mark, page.entries, page.empty_entries)
    journal.close()
    assert shown(journal.read()) == shown([*some[:whole], *more])


@quick
@given(some=pages.filter(bool), data=st.data())
def test_a_flipped_bit_ends_the_journal_before_its_record(
    some: list[JournalPage], data: st.DataObject, tmp_path: Path
) -> None:
    path = tmp_path / "search-000001.pages"
    written(path, some)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    journal = PageJournal(path, "x")
    kept = list(journal.read())
    journal.close()
    assert shown(kept) == shown(some[: len(kept)])
    assert len(kept) < len(some)


def test_pages_that_came_for_another_search_are_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "search-000001.pages"
    mark = PageMark(1, 1, "", None, "", "", None, False, (), False)
    written(path, [JournalPage(mark, Entries.of([]), 0)], Ending())
    other = PageJournal(path, "y")
    assert (other.marks, other.ending, list(other.read())) == ([], None, [])
    other.add(mark, Entries.of([]), 3)
    other.close()
    again = PageJournal(path, "y")
    assert [page.empty_entries for page in again.read()] == [3]
    again.close()


def test_a_search_that_failed_is_not_at_its_end_for_the_next_process() -> None:
    assert Ending().final
    assert Ending("http-500", split=True).final
    assert not Ending("http-503").final
