"""From tables to a comparison: study definition, derivation, statistics, results, pages."""
