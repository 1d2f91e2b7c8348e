"""The FHIR client of one site: does it speak R4, what does a search bring, how many would it bring.

``open`` must be called first: a server that cannot be reached, or that answers with nothing but HTML, ends there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from flows.client.capability import Capability, read_capability
from flows.client.faults import GoneFault, OriginFault, RefusedFault, RequestFault, TransientFault
from flows.client.paging import PageMark, Paging, PagingRules, Parameters, bundle_judge
from flows.client.servers import page_size
from flows.client.transport import Reply, Request, Transport
from mappings.errors import SourceError

_REASONS = {
    "unreachable": "cannot be reached",
    "timeout": "does not answer in time",
    "tls": "cannot be reached by TLS (certificate or protocol)",
    "dropped": "closes the connection every time",
    "html": "answers with HTML pages only",
}


class FhirClient:
    """Searches one FHIR server. Safe to use from several threads."""

    def __init__(
        self,
        base: str,
        transport: Transport,
        paging: PagingRules | None = None,
        warnings: list[dict[str, object]] | None = None,
    ) -> None:
        self.base = base.rstrip("/")
        self.transport = transport
        self.paging = paging or PagingRules()
        self.warnings = [] if warnings is None else warnings  # of the authorisation, for the manifest
        self.capability = Capability()
        self.spoke_fhir = False

    def listen(self, say: Callable[[str], None]) -> None:
        """Send the client's sentences (a wait cut short, a search begun again) to ``say``."""
        self.transport.say = say

    def close(self) -> None:
        """Close every connection."""
        self.transport.close()

    def open(self) -> Capability:
        """Ask for the CapabilityStatement. Raises `SourceError` when there is no FHIR R4 server to talk to.

        A server without one (404 and the like) is not refused: the first search will tell.
        """
        fault: RequestFault | None = None
        try:
            capability = self.transport.ask(Request(f"{self.base}/metadata"), _statement_judge, opening=True)
        except (GoneFault, RefusedFault):
            self.transport.say("the server gives no CapabilityStatement")
            return self.capability
        except RequestFault as caught:
            fault = caught
        if fault is not None:
            raise self.no_server(fault)
        self.capability = capability
        self.paging = replace(self.paging, page_size=self.paging.page_size or page_size(self.capability.software))
        self.spoke_fhir = True
        version = self.capability.fhir_version
        if version and not version.startswith(("4.0", "4.3")):
            raise SourceError(f"{self.base} speaks FHIR {version}; Bedside reads R4 (4.0 or 4.3)")
        return self.capability

    def no_server(self, fault: RequestFault) -> SourceError:
        """The error for a server that never gave a FHIR answer."""
        if isinstance(fault, OriginFault):
            return SourceError(f"{self.base} sends every request to {fault.origin}, which the sites file does not name")
        if fault.reason.startswith("token-"):
            reason = fault.reason.removeprefix("token-")
            return SourceError(
                f"the token endpoint of {self.base} {_REASONS.get(reason, f'gives no token ({reason})')}"
            )
        return SourceError(f"{self.base} {_REASONS.get(fault.reason, f'gives no FHIR answer ({fault.reason})')}")

    def search(self, type_: str, parameters: Parameters, before: Sequence[PageMark] = ()) -> Paging:
        """A search, to be iterated once for its pages; ``before`` are the marks of pages already at hand."""
        return Paging(self.transport, self.base, type_, parameters, self.paging, before)

    def count(self, type_: str, parameters: Parameters) -> int | None:
        """How many the server says the search would bring (``_summary=count``); ``None`` when it does not say."""
        asked = (*parameters, ("_summary", "count"))
        try:
            page, _ = self.transport.ask(self.paging.request(self.base, type_, asked), bundle_judge)
        except RequestFault:
            return None
        total: int | None = page.total
        return total


def _statement_judge(reply: Reply) -> Capability:
    reason = "not-json"
    try:
        statement = json.loads(reply.body)
    except (ValueError, RecursionError):
        reason = "html" if reply.body.lstrip()[:1] == b"<" else "not-json"
        statement = None
    if isinstance(statement, dict):
        if statement.get("resourceType") == "CapabilityStatement":
            return read_capability(statement, reply.headers)
        reason = "operation-outcome" if statement.get("resourceType") == "OperationOutcome" else "not-fhir"
    raise TransientFault(reason, 200)
