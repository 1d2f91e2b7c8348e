"""The set of landed hashes. Oracle: a Python set."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from flows.landing.identities import WIDTH, DistinctIds, Identities

# Few values of each half, so that repetitions, and equal first halves with different second ones, are common.
hashes = st.builds(
    lambda first, second: first.to_bytes(8, "little") + second.to_bytes(8, "little"),
    st.sampled_from([0, 1, 2, 255, 2**63, 2**64 - 1]),
    st.sampled_from([0, 1, 2, 2**64 - 1]),
)


@given(
    pages=st.lists(st.lists(hashes, max_size=7), max_size=8),
    recent=st.integers(1, 9),
    largest=st.integers(1, 20),
    packed=st.lists(hashes),
)
def test_says_of_each_whether_it_is_new(
    pages: list[list[bytes]], recent: int, largest: int, packed: list[bytes]
) -> None:
    seen = set(packed)
    identities = Identities(b"".join(packed), recent=recent, largest=largest)
    for page in pages:
        expected = []
        for each in page:
            expected.append(each not in seen)
            seen.add(each)
        assert identities.add(page) == expected


def test_holds_many_in_little_more_than_their_own_bytes() -> None:
    count = 40_000
    identities = Identities(recent=1_000, largest=5_000)
    for start in range(0, count, 500):
        page = [hashlib.blake2b(b"%d" % n, digest_size=WIDTH).digest() for n in range(start, start + 500)]
        assert all(identities.add(page))
        assert not any(identities.add(page))
    held = sum(level.nbytes for level in identities._levels)
    assert held + WIDTH * len(identities._recent) == WIDTH * count
    # None is merged any more that would take much memory beside the rest.
    assert max(len(level) for level in identities._levels) <= 2 * 5_000 + 1_000


@given(pages=st.lists(st.lists(st.sampled_from(["", "a", "b", "c", "\ud800", "é"]), max_size=5)), few=st.integers(0, 5))
def test_counts_different_texts_few_and_many(pages: list[list[str]], few: int) -> None:
    ids = DistinctIds(few)
    for page in pages:
        ids.add(page)
    assert ids.count == len({text for page in pages for text in page})
