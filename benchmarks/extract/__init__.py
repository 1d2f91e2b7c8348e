"""Extraction measured beside its peers and beside plain downloads, against one local server."""
