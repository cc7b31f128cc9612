"""Who used a skill, without saying who: a keyed hash of the account's name.

The key is made once and stays in the user's data folder; without it a hash can neither be
turned back nor recognised in another installation.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

__all__ = ["known_user_id", "local_user_id"]

_KEY_BYTES = 32
_KEY_FILE = "user.key"


def local_user_id(data_folder: Path, account: str) -> str:
    """Return the hash under which *account* is stored, making the key on first use.

    Safe when several processes call it at once: one key wins.
    """
    return hmac.new(_key(data_folder / _KEY_FILE), account.encode(), hashlib.sha256).hexdigest()[:16]


def known_user_id(data_folder: Path, account: str) -> str | None:
    """Return the same, or ``None`` where there is no key yet, and so nothing was stored; makes none."""
    return local_user_id(data_folder, account) if (data_folder / _KEY_FILE).exists() else None


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked into place: whoever comes second finds a whole key.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()
