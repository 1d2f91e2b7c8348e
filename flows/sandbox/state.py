"""What a running sandbox holds: the resources and their history, the searches and exports under way, its clock."""

from __future__ import annotations

from dataclasses import dataclass

from flows.sandbox.access import Access
from flows.sandbox.bulk.jobs import Jobs
from flows.sandbox.bulk.settings import BulkSettings
from flows.sandbox.clock import Clock
from flows.sandbox.history import History
from flows.sandbox.pages import Pages
from flows.sandbox.server import Limits
from flows.sandbox.store import Store
from flows.sandbox.tokens import TokenAccess


@dataclass(frozen=True)
class State:
    """The parts of one running sandbox. Close it to let go of the export's files."""

    store: Store
    access: Access | TokenAccess | None
    limits: Limits
    clock: Clock
    history: History
    pages: Pages
    jobs: Jobs

    @classmethod
    def of(
        cls, store: Store, access: Access | TokenAccess | None, limits: Limits, bulk: BulkSettings, clock: Clock
    ) -> State:
        """A sandbox as it starts."""
        history = History(store, clock)
        return cls(store, access, limits, clock, history, Pages(limits.page_lifetime, clock), Jobs(bulk, store, clock))

    def forget(self) -> None:
        """Forget searches, exports and tokens, as a server does that starts anew; the resources stay."""
        if isinstance(self.access, TokenAccess):
            self.access.end_tokens()
        self.pages.forget()
        self.jobs.forget()

    def close(self) -> None:
        """Remove the export's files."""
        self.jobs.forget()
