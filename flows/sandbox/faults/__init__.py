"""Misbehaving on order: scripts of faults, what they allow to be true, and the layer that lets them happen."""

from flows.sandbox.faults.schedules import schedule
from flows.sandbox.faults.script import Fault, Script
from flows.sandbox.faults.truth import Loss, Truth, truth_of

__all__ = ["Fault", "Loss", "Script", "Truth", "schedule", "truth_of"]
