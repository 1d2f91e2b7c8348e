"""What becomes of each resource of the snapshot: the rules, on the tables of ``flows.landing.holdings``.

What came stays. Of what was held and did not come:

    left           its patient is no longer in the cohort
    unreferenced   it was there because something referred to it, and nothing does any more
    deleted        the source has it no longer, or has it in a state that no search of the plan asks for
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from flows.landing.holdings import Holdings, Key, moment_of

REASONS = ("deleted", "left", "unreferenced")
LISTS, HISTORY, EXPORT, NOT_LOOKED_FOR = "id-lists", "history", "export", "not-looked-for"


@dataclass(frozen=True)
class Asking:
    """How one extract asks. ``since`` has the instant for each type that is asked for changes only; all others are
    asked for whole, and ``refetched`` says why. ``deletions`` says for each type of ``since`` how it is found out what
    is there no longer. Instants are texts: this is kept as JSON. ``server_time`` is empty where the server says none.
    """

    kickoff: str
    server_time: str
    since: Mapping[str, str]
    refetched: Mapping[str, str]
    deletions: Mapping[str, str]
    cohort: bool
    referenced: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


def asking_of(said: Mapping[str, Any]) -> Asking:
    """What `Asking.as_dict` kept."""
    return Asking(**{**said, "referenced": tuple(said["referenced"])})


@dataclass(frozen=True)
class Applied:
    """What an extract did to one type: ``before`` + ``added`` - ``deleted`` - ``left`` - ``unreferenced`` = ``now``."""

    before: int
    added: int
    changed: int
    deleted: int
    left: int
    unreferenced: int
    now: int

    @property
    def balanced(self) -> bool:
        """Whether every resource is accounted for."""
        return self.before + self.added - self.deleted - self.left - self.unreferenced == self.now


def settle_cohort(holdings: Holdings, asking: Asking, index_searches: Collection[int]) -> None:
    """Say which index events there are now, and whose they are. To be called when the index phase has ended."""
    sql = holdings.sql
    sql.execute("INSERT OR IGNORE INTO index_now SELECT type, key FROM index_came")
    for type_, way in asking.deletions.items():
        sql.execute(
            "INSERT OR IGNORE INTO index_now SELECT type, key FROM index_held i WHERE type = ? "
            "AND NOT EXISTS (SELECT 1 FROM turned_down WHERE type = i.type AND key = i.key) "
            "AND NOT EXISTS (SELECT 1 FROM deleted WHERE type = i.type AND key = i.key) "
            "AND (? OR EXISTS (SELECT 1 FROM listed WHERE type = i.type AND key = i.key "
            "AND search IN (SELECT value FROM json_each(?))))",
            (type_, way in (EXPORT, NOT_LOOKED_FOR), json.dumps(list(index_searches))),
        )
    sql.execute(
        "INSERT OR IGNORE INTO cohort SELECT patient FROM index_now JOIN "
        "(SELECT * FROM came UNION ALL SELECT * FROM not_come) USING (type, key) WHERE patient <> ''"
    )


def leave_only(holdings: Holdings, patients: Iterable[str]) -> None:
    """Of the cohort leave only ``patients``: nobody else's index events are asked for any more."""
    sql = holdings.sql
    sql.execute("CREATE TEMP TABLE IF NOT EXISTS asked (patient TEXT PRIMARY KEY)")
    sql.executemany("INSERT OR IGNORE INTO asked VALUES (?)", ((patient,) for patient in patients))
    sql.execute("DELETE FROM cohort WHERE NOT EXISTS (SELECT 1 FROM asked WHERE asked.patient = cohort.patient)")


def note_deleted(holdings: Holdings, keys: Iterable[Key]) -> None:
    """Take in what a source says was deleted, as types and ids: a history, or the ``deleted`` files of a bulk export.

    What came all the same is there again, and stays.
    """
    holdings.keep("deleted", keys)


def lacking(holdings: Holdings, search: int, phase: str, *, not_held: bool) -> list[str]:
    """Ids that a search lists and that are held in another version or, with ``not_held``, not at all, and did not come
    by ``_lastUpdated``."""
    rows = holdings.sql.execute(
        "SELECT l.key FROM listed l LEFT JOIN held h USING (type, key) WHERE l.search = ? "
        "AND NOT EXISTS (SELECT 1 FROM came WHERE type = l.type AND key = l.key) "
        "AND NOT EXISTS (SELECT 1 FROM turned_down WHERE type = l.type AND key = l.key AND phase = ?) "
        "AND CASE WHEN h.key IS NULL THEN ? ELSE l.version <> '' AND h.version <> '' AND l.version <> h.version END "
        "ORDER BY l.key",
        (search, phase, not_held),
    )
    return [row[0] for row in rows]


def suspects(holdings: Holdings, asking: Asking, type_: str) -> bool:
    """Whether the history names a held resource as written that no search brought: it may match none any more.

    What leaves with its patient, or because nothing refers to it, is none: it was not asked for.
    """
    row = holdings.sql.execute(
        """SELECT 1 FROM written w JOIN not_come n USING (type, key) WHERE type = :type
        AND NOT EXISTS (SELECT 1 FROM turned_down WHERE type = :type AND key = w.key)
        AND (NOT :in_cohort OR n.patient = '' OR EXISTS (SELECT 1 FROM cohort c WHERE c.patient = n.patient))
        AND (NOT :by_reference OR EXISTS (SELECT 1 FROM referred WHERE type = :type AND key = w.key)) LIMIT 1""",
        {
            "type": type_,
            "in_cohort": asking.cohort and type_ not in asking.referenced,
            "by_reference": type_ in asking.referenced,
        },
    ).fetchone()
    return row is not None


def settle(holdings: Holdings, asking: Asking) -> None:
    """Say of everything held whether it stays, as far as is known now; can be called again when more is."""
    holdings.sql.execute("DELETE FROM gone")
    holdings.sql.execute("DELETE FROM referred")
    types = holdings.ids("SELECT DISTINCT type FROM held")
    _settle(holdings, asking, sorted(types - set(asking.referenced)))
    holdings.sql.execute(
        "INSERT OR IGNORE INTO referred SELECT json_extract(r.value, '$[0]'), json_extract(r.value, '$[1]') "
        "FROM stays, json_each(stays.refs) r WHERE stays.refs <> ''"
    )
    _settle(holdings, asking, sorted(types & set(asking.referenced)))


def _settle(holdings: Holdings, asking: Asking, types: Iterable[str]) -> None:
    for type_ in types:
        by_reference = type_ in asking.referenced
        holdings.sql.execute(
            """INSERT INTO gone SELECT type, key, CASE
            WHEN :in_cohort AND patient <> '' AND NOT EXISTS (SELECT 1 FROM cohort c WHERE c.patient = n.patient)
              THEN 'left'
            WHEN :by_reference AND NOT EXISTS (SELECT 1 FROM referred WHERE type = :type AND key = n.key)
              THEN 'unreferenced'
            WHEN :whole OR :listed AND NOT EXISTS (SELECT 1 FROM listed WHERE type = :type AND key = n.key)
              OR EXISTS (SELECT 1 FROM deleted WHERE type = :type AND key = n.key)
              OR EXISTS (SELECT 1 FROM turned_down WHERE type = :type AND key = n.key) THEN 'deleted'
            END AS reason FROM not_come n WHERE type = :type AND reason IS NOT NULL""",
            {
                "type": type_,
                "in_cohort": asking.cohort and not by_reference,
                "by_reference": by_reference,
                "whole": type_ not in asking.since,
                "listed": asking.deletions.get(type_) == LISTS,
            },
        )


def applied(holdings: Holdings) -> dict[str, Applied]:
    """The counts of each type, once everything is settled."""
    made: dict[str, dict[str, int]] = {}
    questions = {
        "before": "SELECT type, count(*) FROM held GROUP BY type",
        "added": "SELECT type, count(*) FROM came c LEFT JOIN held h USING (type, key) WHERE h.key IS NULL "
        "GROUP BY type",
        "changed": "SELECT type, count(*) FROM came c JOIN held h USING (type, key) WHERE c.digest <> h.digest "
        "GROUP BY type",
        "now": "SELECT type, count(*) FROM stays GROUP BY type",
    }
    for name, question in questions.items():
        for type_, n in holdings.sql.execute(question):
            made.setdefault(type_, dict.fromkeys((*questions, *REASONS), 0))[name] = n
    for type_, reason, n in holdings.sql.execute("SELECT type, reason, count(*) FROM gone GROUP BY type, reason"):
        made[type_][reason] = n
    return {type_: Applied(**counts) for type_, counts in sorted(made.items())}


def newest_seen(holdings: Holdings) -> tuple[dict[str, datetime], frozenset[str]]:
    """The newest ``meta.lastUpdated`` of each type, and the types in which some resource says none."""
    newest = {
        type_: moment_of(micros)
        for type_, micros in holdings.sql.execute("SELECT type, max(seen) FROM stays GROUP BY type")
        if micros is not None
    }
    return newest, holdings.ids("SELECT DISTINCT type FROM stays WHERE seen IS NULL")


def warnings_of(holdings: Holdings, asking: Asking) -> list[dict[str, object]]:
    """What a reader of the snapshot should know of it as a whole."""
    sql = holdings.sql
    found: list[dict[str, object]] = []
    (nobody,) = sql.execute("SELECT count(*) FROM index_now JOIN stays USING (type, key) WHERE patient = ''").fetchone()
    if nobody:
        found.append({"code": "index-without-patient", "n": nobody})
    # Patients are asked for because they are in the cohort, the rest because something refers to it.
    wanted = {
        type_: holdings.ids("SELECT key FROM referred WHERE type = ?", type_) for type_ in sorted(asking.referenced)
    }
    if asking.cohort:
        wanted = {"Patient": holdings.ids("SELECT patient FROM cohort"), **wanted}
    for type_, ids in wanted.items():
        n = len(ids - holdings.ids("SELECT key FROM stays WHERE type = ?", type_))
        if n:
            found.append({"code": "not-found-by-id", "type": type_, "n": n})
    return [*found, *_merged(holdings)]


def _merged(holdings: Holdings) -> list[dict[str, object]]:
    """Patients that were merged into another and that something still names. They are never joined here."""
    sql = holdings.sql
    sql.execute(
        "CREATE TEMP TABLE IF NOT EXISTS retired (patient TEXT, survivor TEXT, PRIMARY KEY (patient, survivor))"
    )
    sql.execute("DELETE FROM retired")
    for key, text in sql.execute("SELECT key, links FROM stays WHERE type = 'Patient' AND links <> ''").fetchall():
        for kind, other in json.loads(text):
            if kind in ("replaced-by", "replaces"):
                pair = (key, other) if kind == "replaced-by" else (other, key)
                sql.execute("INSERT OR IGNORE INTO retired VALUES (?, ?)", pair)
    patients, resources = sql.execute(
        "SELECT count(DISTINCT patient), count(*) FROM stays WHERE type <> 'Patient' AND patient IN "
        "(SELECT patient FROM retired)"
    ).fetchone()
    if not patients:
        return []
    (twice,) = sql.execute(
        "SELECT count(DISTINCT r.patient) FROM retired r WHERE r.patient IN (SELECT patient FROM cohort) "
        "AND r.survivor IN (SELECT patient FROM cohort)"
    ).fetchone()
    return [{"code": "merged-patients", "n": patients, "resources": resources, "with_survivor": twice}]
