"""Bundles for tests, honest and otherwise."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from session_buddy.learning.community.bundle import Bundle, Cell, encoded, signed_bytes
from session_buddy.learning.community.checking import fingerprint_of
from tests.making import NOW, shifted

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLISHED = shifted(NOW, hours=-1)


def fingerprint(private: Ed25519PrivateKey = PRIVATE) -> str:
    return fingerprint_of(private.public_key().public_bytes_raw())


def cell(skill_name: str = "pytest-run", **fields: Any) -> Cell:
    given: dict[str, Any] = {
        "users": 9,
        "invocations": 90,
        "completed": 70,
        "failed": 15,
        "avg_duration_seconds": 2.5,
        "workflow_phase": "verification",
    }
    return msgspec.convert({"skill_name": skill_name} | given | fields, Cell)


def bundle(*cells: Cell, private: Ed25519PrivateKey = PRIVATE, **fields: Any) -> Bundle:
    """Return a bundle that is signed as it is, whatever it says."""
    given: dict[str, Any] = {
        "publisher": fingerprint(private),
        "public_key": private.public_key().public_bytes_raw().hex(),
        "sequence": 7,
        "published_at": PUBLISHED,
        "min_users": 5,
        "noise": None,
        "cells": list(cells),
        "signature": "",
    }
    made = Bundle(**(given | fields))
    return msgspec.structs.replace(made, signature=private.sign(signed_bytes(made)).hex())


def content(*cells: Cell, **fields: Any) -> bytes:
    return encoded(bundle(*cells, **fields))


def random_id() -> str:
    return secrets.token_hex(8)
