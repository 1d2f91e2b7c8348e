"""Measures the raw checks on the tables of a million subjects."""
