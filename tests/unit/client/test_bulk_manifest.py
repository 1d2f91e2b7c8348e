"""Reading an export's manifest. Oracle: the Bulk Data Access guide's example, and what may stand in its place."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from flows.client.bulk import ExportRequest
from flows.client.bulk_manifest import joined, read_manifest

GUIDE = {
    "transactionTime": "2021-01-01T00:00:00Z",
    "request": "https://example.com/fhir/Patient/$export?_type=Patient,Observation",
    "requiresAccessToken": True,
    "output": [
        {"type": "Patient", "url": "https://example.com/output/patient_file_1.ndjson"},
        {"type": "Patient", "url": "https://example.com/output/patient_file_2.ndjson", "count": 7},
        {"type": "Observation", "url": "https://example.com/output/observation_file_1.ndjson", "count": "0"},
    ],
    "deleted": [{"type": "Bundle", "url": "https://example.com/output/del_file_1.ndjson"}],
    "error": [{"type": "OperationOutcome", "url": "https://example.com/output/err_file_1.ndjson"}],
    "extension": {"https://example.com/extra-property": True},
}


def test_the_guides_example() -> None:
    made = read_manifest(GUIDE)
    assert [(f.kind, f.number, f.type, f.count) for f in made.files] == [
        ("output", 1, "Patient", None),
        ("output", 2, "Patient", 7),
        ("output", 3, "Observation", 0),
        ("deleted", 1, "Bundle", None),
        ("error", 1, "OperationOutcome", None),
    ]
    assert (made.transaction_time, made.requires_access_token, made.next_link) == ("2021-01-01T00:00:00Z", True, None)
    assert [f.label for f in made.files][2:] == ["file 3 (Observation)", "deleted file 1 (Bundle)",
                                                 "error file 1 (OperationOutcome)"]  # fmt: skip


def test_access_is_needed_unless_the_server_says_that_it_is_not() -> None:
    for said, needed in ((True, True), (False, False), ("false", False), ("FALSE", False), (None, True), (0, True)):
        assert read_manifest({"requiresAccessToken": said}).requires_access_token is needed
    assert read_manifest({}).requires_access_token is True


def test_a_time_that_is_none_is_not_kept() -> None:
    """It goes into the log: it must not be a text of the server's own."""
    assert [read_manifest({"transactionTime": each}).transaction_time for each in ("Jane Roe", 5, None)] == [""] * 3
    assert read_manifest({"transactionTime": "2024-01-02T03:04:05.678+01:00"}).transaction_time.endswith("+01:00")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
item = st.fixed_dictionaries(
    {}, optional={"type": st.just("Patient") | anything, "url": st.text(max_size=3) | anything, "count": anything,
                  "continuesInFile": st.text(max_size=3) | anything},
)  # fmt: skip
manifest = st.fixed_dictionaries(
    {}, optional={"output": st.lists(item, max_size=4) | anything, "deleted": st.lists(item, max_size=2) | anything,
                  "error": st.lists(item, max_size=2), "outcome": st.lists(item, max_size=2), "link": anything},
)  # fmt: skip


@given(pages=st.lists(manifest, min_size=1, max_size=3))
@example(pages=[{"error": [{"type": "Patient", "continuesInFile": "0"}]}] * 2)
@example(pages=[{"output": [{"url": "a", "continuesInFile": "b"}]}, {"output": [{"url": "b"}]}])
def test_whatever_stands_in_a_manifest_no_file_is_lost_or_counted_twice(pages: list[dict[str, Any]]) -> None:
    made = joined([read_manifest(page) for page in pages])
    for kind, keys in (("output", ("output",)), ("deleted", ("deleted",)), ("error", ("error", "outcome"))):
        items = [each for page in pages for key in keys if isinstance(page.get(key), list) for each in page[key]]
        items = [each for each in items if isinstance(each, dict)]
        listed = [each["url"] if isinstance(each.get("url"), str) else "" for each in items]
        goes_on = [each["continuesInFile"] for each in items if isinstance(each.get("continuesInFile"), str)]
        found = made.of(kind)  # type: ignore[arg-type]
        assert [file.number for file in found] == list(range(1, len(found) + 1))
        assert sorted(file.url for file in found) == sorted(
            [*listed, *({each for each in goes_on if each} - {*listed})]
        )
        assert all(file.count is None or file.count >= 0 for file in found)


def test_what_is_asked_for_has_an_address_and_a_hash_of_its_own() -> None:
    asked = [
        ExportRequest("system", ("Patient",)),
        ExportRequest("patient", ("Patient",)),
        ExportRequest("group", ("Patient",), "g"),
        ExportRequest("group", ("Patient",), "h"),
        ExportRequest("system", ("Patient", "Device")),
        ExportRequest("system", ("Patient",), since="2024-01-01T00:00:00+01:00"),
        ExportRequest("system", ("Patient",), type_filters=("Patient?gender=male%2Cfemale", "Patient?active=true")),
    ]
    assert len({each.sha256(base) for each in asked for base in "bc"}) == 2 * len(asked)
    assert len({each.address("b") for each in asked}) == len(asked)
    assert asked[5].address("b") == "b/$export?_type=Patient&_since=2024-01-01T00:00:00%2B01:00"
    # No comma stands bare: servers take one for the end of a filter.
    assert asked[6].address("b").split("&")[1:] == [
        "_typeFilter=Patient%3Fgender%3Dmale%252Cfemale", "_typeFilter=Patient%3Factive%3Dtrue",
    ]  # fmt: skip
