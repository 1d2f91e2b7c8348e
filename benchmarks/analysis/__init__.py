"""Derivation and analysis at scale: up to a million subjects, beside lifelines alone and R's survival."""
