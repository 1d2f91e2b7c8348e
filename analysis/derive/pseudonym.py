"""Subjects under keyed-hash ids: who has no key cannot go back to the patient."""

from __future__ import annotations

import hashlib
import hmac


def usubjid(key: bytes, site: str, patient_id: str) -> str:
    """First 16 hex digits of HMAC-SHA256(key, site + "|" + patient id) (RFC 2104)."""
    return hmac.new(key, f"{site}|{patient_id}".encode(), hashlib.sha256).hexdigest()[:16]
