"""How many landed, were accepted or quarantined, by site and type; the acceptance half of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class TypeCounts:
    """One resource type of one site. ``quarantined`` holds ``superseded`` too; ``reasons`` counts quarantined
    resources by the first rule each breaks; ``rewritten`` counts accepted resources with a number as string."""

    landed: int = 0
    accepted: int = 0
    quarantined: int = 0
    superseded: int = 0
    rewritten: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def balances(self) -> bool:
        """Whether every landed line is accounted for."""
        return self.landed == self.accepted + self.quarantined


@dataclass(frozen=True)
class SiteCounts:
    """One site, by resource type."""

    types: Mapping[str, TypeCounts]


@dataclass(frozen=True)
class AcceptanceCounts:
    """All sites."""

    sites: Mapping[str, SiteCounts]

    @property
    def landed(self) -> int:
        return sum(counts.landed for site in self.sites.values() for counts in site.types.values())

    @property
    def accepted(self) -> int:
        return sum(counts.accepted for site in self.sites.values() for counts in site.types.values())

    @property
    def quarantined(self) -> int:
        return sum(counts.quarantined for site in self.sites.values() for counts in site.types.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values by site and type, in a fixed order, to be written as JSON."""
        return {
            "format": 1,
            "landed": self.landed,
            "accepted": self.accepted,
            "quarantined": self.quarantined,
            "sites": {
                name: {
                    resource_type: {**asdict(counts), "reasons": dict(sorted(counts.reasons.items()))}
                    for resource_type, counts in sorted(site.types.items())
                }
                for name, site in sorted(self.sites.items())
            },
        }
