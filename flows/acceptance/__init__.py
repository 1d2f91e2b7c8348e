"""Acceptance: what landed is judged, what passes is copied for mapping, what fails is kept in quarantine."""

from flows.acceptance.counts import AcceptanceCounts, SiteCounts, TypeCounts
from flows.acceptance.findings import Finding, Judge
from flows.acceptance.landings import accept, accept_site

__all__ = ["AcceptanceCounts", "Finding", "Judge", "SiteCounts", "TypeCounts", "accept", "accept_site"]
