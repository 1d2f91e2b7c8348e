"""Following a search page by page. Oracle: fhir.md section 3, one test a row."""

from __future__ import annotations

import pytest

from flows.client.faults import OriginFault, RequestFault
from flows.client.fhir import FhirClient
from flows.client.origins import Origins
from flows.client.paging import Paging, PagingRules, SearchPage, not_applied
from flows.client.transport import Transport
from tests.unit.client.scripted_server import Answer, Asked, Route, ScriptedServer, bundle, observation


def search(server: ScriptedServer, *parameters: tuple[str, str], rules: PagingRules | None = None) -> Paging:
    transport = Transport(Origins(server.base), sleep=lambda _: None)
    return FhirClient(server.base, transport, rules).search("Observation", parameters)


def ids(pages: list[SearchPage]) -> list[str]:
    return [entry.id for page in pages for entry in page.page.entries]


def by_page(**pages: Answer) -> Route:
    """Pages by their ``page`` parameter; the first request has none."""
    return lambda asked: pages[dict(asked.parameters).get("page", "first")]


def test_next_is_followed_as_given() -> None:
    link = "{base}?_getpages=a%2Fb&_getpagesoffset=2&_pretty=true"
    with ScriptedServer() as server:
        first = bundle([observation("a")], link.format(base=server.base))
        server.answer = lambda asked: first if asked.path.endswith("Observation") else bundle([observation("b")])
        assert ids(list(search(server, ("code", "x|1,x|2")))) == ["a", "b"]
        assert dict(server.asked[0].parameters)["code"] == "x|1,x|2"
        assert server.asked[1].parameters == (("_getpages", "a/b"), ("_getpagesoffset", "2"), ("_pretty", "true"))


@pytest.mark.parametrize("link", ["Observation?page=2", "?page=2", "/fhir/Observation?page=2", "/Observation?page=2"])
def test_relative_next_link(link: str) -> None:
    route = by_page(first=bundle([observation("a")], link), **{"2": bundle([observation("b")])})
    with ScriptedServer(route) as server:
        assert ids(list(search(server))) == ["a", "b"]
        assert {each.path for each in server.asked} == {"/fhir/Observation"}


def test_relative_next_link_meant_against_the_other_base_is_found() -> None:
    def route(asked: Asked) -> Answer:
        if asked.path == "/page2":
            return bundle([observation("b")])
        return bundle([observation("a")], "/page2") if asked.path == "/fhir/Observation" else Answer(404)

    with ScriptedServer(route) as server:
        assert ids(list(search(server))) == ["a", "b"]


def test_empty_page_with_next_goes_on() -> None:
    route = by_page(
        first=bundle([observation("a")], "?page=2"),
        **{"2": bundle([], "?page=3"), "3": bundle([], "?page=4"), "4": bundle([observation("b")])},
    )
    with ScriptedServer(route) as server:
        assert ids(list(search(server))) == ["a", "b"]


@pytest.mark.parametrize("sizes", [(1, 5, 2), (0, 1, 0, 3)])
def test_a_page_shorter_than_asked_for_is_not_the_last(sizes: tuple[int, ...]) -> None:
    names = iter("abcdefghij")
    held = [[observation(next(names)) for _ in range(size)] for size in sizes]

    def route(asked: Asked) -> Answer:
        page = int(dict(asked.parameters).get("page", "1"))
        return bundle(held[page - 1], f"?page={page + 1}" if page < len(held) else None)

    with ScriptedServer(route) as server:
        assert ids(list(search(server, rules=PagingRules(page_size=5)))) == [
            each["id"] for page in held for each in page
        ]


def test_a_server_is_told_to_refuse_what_it_does_not_know() -> None:
    with ScriptedServer(lambda _: bundle([observation("a")])) as server:
        list(search(server, ("code", "x")))
        assert server.asked[0].headers["prefer"] == "handling=strict"


def test_page_loop_by_address() -> None:
    route = by_page(
        first=bundle([observation("a")], "?page=2"),
        **{"2": bundle([observation("b")], "?page=3"), "3": bundle([], "?page=2")},
    )
    with ScriptedServer(route) as server:
        paging, got = search(server), list[SearchPage]()
        with pytest.raises(RequestFault, match="page-loop"):
            got.extend(paging)
        assert paging.failed_page == 4
        assert len(server.asked) == 3


def test_page_loop_by_the_same_ids_at_ever_new_addresses() -> None:
    def route(asked: Asked) -> Answer:
        page = int(dict(asked.parameters).get("page", "1"))
        return bundle([observation("a"), observation("b")], f"?page={page + 1}")

    with ScriptedServer(route) as server:
        with pytest.raises(RequestFault, match="page-loop"):
            list(search(server))
        assert len(server.asked) == 2


def test_first_address_again_is_a_loop() -> None:
    with ScriptedServer() as server:
        paging = search(server, rules=PagingRules(page_size=9))
        server.answer = lambda _: bundle([], f"{server.base}/Observation?_total=accurate&_count=9")
        with pytest.raises(RequestFault, match="page-loop"):
            list(paging)
        assert len(server.asked) == 1


@pytest.mark.parametrize("status", [404, 410])
def test_expired_search_is_begun_again_with_a_fresh_snapshot(status: int) -> None:
    beginnings = 0

    def route(asked: Asked) -> Answer:
        nonlocal beginnings
        page = dict(asked.parameters).get("page")
        if page is None:
            beginnings += 1
            return bundle([observation("a", version=str(beginnings))], f"?page={beginnings}")
        return Answer(status) if page == "1" else bundle([observation("b")])

    with ScriptedServer(route) as server:
        pages = list(search(server))
        assert [(page.attempt, page.number) for page in pages] == [(1, 1), (2, 1), (2, 2)]
        assert ids([page for page in pages if page.attempt == 2]) == ["a", "b"]


@pytest.mark.parametrize(("status", "reason"), [(410, "expired"), (404, "page-missing")])
def test_search_expired_for_ever_names_page_and_reason(status: int, reason: str) -> None:
    route = by_page(
        first=bundle([observation("a")], "/fhir/Observation?page=2"),
        **{"2": bundle([observation("b")], "/fhir/Observation?page=3"), "3": Answer(status)},
    )
    with ScriptedServer(route) as server:
        paging = search(server)
        with pytest.raises(RequestFault) as caught:
            list(paging)
        assert (caught.value.reason, paging.failed_page, paging.attempt) == (reason, 3, 3)
        assert len(server.asked) == 9


def test_first_page_missing_is_not_begun_again() -> None:
    with ScriptedServer(lambda _: Answer(404)) as server:
        with pytest.raises(RequestFault, match="http-404"):
            list(search(server))
        assert len(server.asked) == 1


def test_next_link_to_an_origin_not_named_is_not_asked() -> None:
    with ScriptedServer(lambda _: bundle()) as other, ScriptedServer() as server:
        server.answer = lambda _: bundle([observation("a")], f"{other.base}?page=2")
        paging = search(server)
        with pytest.raises(OriginFault) as caught:
            list(paging)
        assert (other.asked, caught.value.origin, paging.failed_page) == ([], other.origin, 2)


def test_total_is_exact_only_when_the_server_says_so() -> None:
    with ScriptedServer() as server:
        for self_link, total, exact in (
            (f"{server.base}/Observation?_total=accurate", 5, True),
            (f"{server.base}/Observation?_total=estimate", 5, False),
            (f"{server.base}/Observation", 5, False),
            (None, 5, False),
            (f"{server.base}/Observation?_total=accurate", None, True),
        ):
            server.answer = lambda _, s=self_link, t=total: bundle([], self_link=s, total=t)  # type: ignore[misc]
            paging = search(server)
            list(paging)
            assert (paging.total, paging.total_exact) == (total, exact)
        assert dict(server.asked[0].parameters)["_total"] == "accurate"


def test_total_on_the_last_page_counts() -> None:
    link = "Observation?_total=accurate"
    route = by_page(
        first=bundle([observation("a")], "?page=2", self_link=link), **{"2": bundle([observation("b")], total=2)}
    )
    with ScriptedServer(route) as server:
        paging = search(server)
        list(paging)
        assert (paging.total, paging.total_exact) == (2, True)


def test_server_that_refuses_count_and_total_is_asked_without() -> None:
    def route(asked: Asked) -> Answer:
        return Answer(400) if "_total" in dict(asked.parameters) else bundle([observation("a")], total=1)

    with ScriptedServer(route) as server:
        paging = search(server, ("code", "1"))
        assert ids(list(paging)) == ["a"]
        assert not paging.total_exact
        assert server.asked[1].parameters == (("code", "1"),)


def test_long_search_is_posted() -> None:
    patients = ",".join(f"p{n}" for n in range(800))
    with ScriptedServer(lambda _: bundle([observation("a")])) as server:
        assert ids(list(search(server, ("patient", patients)))) == ["a"]
        (asked,) = server.asked
        assert (asked.method, asked.path) == ("POST", "/fhir/Observation/_search")
        assert dict(asked.form)["patient"] == patients
        assert asked.parameters == ()


@pytest.mark.parametrize(
    ("self_link", "posted", "missing"),
    [
        (None, False, ()),
        ("h?code=1&date=ge1&date=le2&patient=a", False, ()),
        ("h?code%3Ain=1&date=ge1&date=le2&patient=a&_count=5", False, ()),
        ("h?date=ge1&patient=a", False, ("code:in", "date")),
        ("h", False, ("code:in", "date", "patient")),
        ("h", True, ()),
        ("h?patient=a", True, ("code:in", "date")),
    ],
)
def test_parameter_missing_in_the_self_link_was_not_applied(
    self_link: str | None, posted: bool, missing: tuple[str, ...]
) -> None:
    asked = (("code:in", "1"), ("date", "ge1"), ("date", "le2"), ("patient", "a"), ("_sort", "date"))
    assert not_applied(asked, self_link, posted=posted) == missing


def test_count_is_the_servers_or_unknown() -> None:
    with ScriptedServer(lambda _: bundle(total=41)) as server:
        client = FhirClient(server.base, Transport(Origins(server.base), sleep=lambda _: None))
        assert client.count("Procedure", (("code", "x"),)) == 41
        assert dict(server.asked[0].parameters)["_summary"] == "count"
        server.answer = lambda _: Answer(400)
        assert client.count("Procedure", ()) is None


@pytest.mark.parametrize("status", [404, 405, 415])
def test_a_long_search_is_asked_for_by_get_where_no_form_is_taken(status: int) -> None:
    patients = ",".join(f"p{n}" for n in range(800))
    with ScriptedServer(lambda a: Answer(status) if a.method == "POST" else bundle([observation("a")])) as server:
        assert ids(list(search(server, ("patient", patients)))) == ["a"]
        assert [asked.method for asked in server.asked] == ["POST", "GET"]
        assert dict(server.asked[1].parameters)["patient"] == patients


def test_a_search_that_is_to_be_posted_is_not_asked_for_by_get() -> None:
    """Whoever sets it wants no patient's id in an address."""
    with ScriptedServer(lambda _: Answer(405)) as server:
        with pytest.raises(RequestFault, match="http-405"):
            list(search(server, ("patient", "p1"), rules=PagingRules(post=True)))
        assert [asked.method for asked in server.asked] == ["POST"]


def test_pages_of_a_posted_search_by_post() -> None:
    """Firely answers the pages of a POSTed search only to POST; others (HealthLake) to GET, which is tried first."""

    def route(asked: Asked) -> Answer:
        if asked.path.endswith("_search"):
            return bundle([observation("a")], "/fhir/pages?page=2")
        return bundle([observation("b")]) if asked.method == "POST" else Answer(405)

    with ScriptedServer(route) as server:
        assert ids(list(search(server, ("code", "x"), rules=PagingRules(post=True)))) == ["a", "b"]
        assert [asked.method for asked in server.asked] == ["POST", "GET", "POST"]
        assert dict(server.asked[2].parameters) == {"page": "2"}
        assert server.asked[2].form == ()
