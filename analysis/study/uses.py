"""Which code lists a study uses, where, and for what: the one place that knows all keys that name a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.study.model import Study

Role = Literal["index", "evidence", "material", "site"]


@dataclass(frozen=True)
class ListUse:
    """One use of a list. ``role``: the index event, evidence (criteria, covariates, response, life, censoring), what
    was used in a procedure, or a body site (looked for in a resource that
    something else has found; so is a contrast phase)."""

    name: str
    tables: tuple[str, ...]
    role: Role


def list_uses(study: Study) -> tuple[ListUse, ...]:
    """Every use of every list, in the order of the study file's parts."""
    found: list[tuple[str | None, Role]] = [(study.index.event.list_, "index")]
    for arm in study.arm:
        for clause in arm.all_:
            found.append((clause.list_, "evidence"))
            found += [(source.partition(":")[2], "material") for source in clause.any_of]
    found += [(name, "material") for name in (study.treatment.lists if study.treatment else ())]
    found += [(name, "evidence") for name in (study.adverse_events.lists if study.adverse_events else ())]
    found += [(criterion.rule.list_, "evidence") for criterion in study.criterion]
    found += [(covariate.list_, "evidence") for covariate in study.covariate.values()]
    if study.response is not None:
        found += [(study.response.list_, "evidence"), (study.response.site, "site")]
        if study.response.imaging is not None:
            # Looked for in scans that the rule about imaging has found.
            found += [(phase.list_, "site") for phase in study.response.imaging.phases]
        if study.response.lesions is not None:
            found += [(name, "evidence") for name in study.response.lesions.lists]
        if study.response.new_therapy is not None:
            therapy = study.response.new_therapy
            found += [(therapy.list_, "evidence"), (therapy.not_part_of, "evidence")]
    found += [(event.site, "site") for endpoint in study.endpoint for event in endpoint.sources]
    found += [(event.list_, "evidence") for endpoint in study.endpoint for event in endpoint.sources]
    alive = study.alive
    found += [(name, "evidence") for name in (alive.last_contact, alive.vital_status, alive.death)]
    found += [(item.censor, "evidence") for item in study.analysis.sensitivity if item.censor != "arm-switch"]
    return tuple(ListUse(name, study.lists[name].table, role) for name, role in found if name is not None)
