"""Landing: what a source served, byte for byte, with a manifest of counts and hashes and a log of what happened."""
