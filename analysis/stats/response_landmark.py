"""Time from a landmark by response until then: who is still at risk, and the two groups compared. Times in days.

Responders by the end of follow-up have lived long enough to respond; grouped by what was known at a landmark, nobody
owes the group to time that came after (Anderson, Cain and Gelber, J Clin Oncol 1983;1:710).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats import cox
from analysis.stats.cox import CoxFit
from analysis.stats.estimates import BoolArray, FloatArray, NotEstimable
from analysis.stats.survival import KaplanMeier, kaplan_meier


@dataclass(frozen=True)
class ByResponse:
    """The two groups from the landmark on, and whose response or time ended before it.

    ``gone``: an event, or the end of observation, on the landmark or before. ``responders`` and ``others`` are None
    where nobody is in the group; ``fit`` is the Cox model of responders against the others.
    """

    gone: int
    responders: KaplanMeier | None
    others: KaplanMeier | None
    fit: CoxFit | NotEstimable

    @property
    def n(self) -> int:
        """Subjects at risk at the landmark."""
        return sum(curve.n for curve in (self.responders, self.others) if curve is not None)

    @property
    def events(self) -> int:
        """Events after the landmark."""
        return sum(int(curve.events.sum()) for curve in (self.responders, self.others) if curve is not None)


def by_response(
    time: FloatArray, event: BoolArray, responded: FloatArray, landmark: float, ties: str = "efron"
) -> ByResponse:
    """Group those with time > ``landmark`` by response until then, and count their time from there.

    ``time`` (n,), ``event`` (n,), ``responded`` (n,): the time of the first response, infinite where there was none.
    A response on the landmark counts. Equals R ``coxph(Surv(time - landmark, event) ~ (responded <= landmark),
    subset = time > landmark)``. The order of the subjects changes no bit.
    """
    at_risk = time > landmark
    left, happened, good = time[at_risk] - landmark, event[at_risk], responded[at_risk] <= landmark
    order = np.lexsort((good, happened, left))
    left, happened, good = left[order], happened[order], good[order]
    curves = [kaplan_meier(left[m], happened[m]) if m.any() else None for m in (good, ~good)]
    fit: CoxFit | NotEstimable
    if curves[0] is None or curves[1] is None:
        fit = NotEstimable("the subjects at risk at the landmark are all of one group")
    else:
        fit = cox.fit(left, happened, good[:, None].astype(np.float64), ties)
    return ByResponse(int((~at_risk).sum()), curves[0], curves[1], fit)
