"""Data quality: the catalogue of checks, the Great Expectations adapter, the ledger's balance."""
