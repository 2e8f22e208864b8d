"""Hashes of texts, such as canonical configurations."""

from __future__ import annotations

import hashlib


def digest(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
