"""The reasons for which a study can exclude a subject, in the order in which they are asked."""

from __future__ import annotations

from analysis.study.model import Study

WASHOUT = "washout"
BEFORE_LANDMARK = "before-landmark"


def exclusion_reasons(study: Study) -> tuple[str, ...]:
    """Every reason the study file can exclude for, in the order of the flow diagram."""
    rules = [study.arm_rules.both, study.arm_rules.neither]
    named = [rule.removeprefix("exclude:") for rule in rules]
    washout = [WASHOUT] if study.index.washout_days else []
    landmark = [BEFORE_LANDMARK] if study.index.landmark else []
    return tuple(dict.fromkeys([*washout, *landmark, *named, *(criterion.id for criterion in study.criterion)]))
