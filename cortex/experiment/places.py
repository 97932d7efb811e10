"""Whether a place on the disk will do, before minutes of work."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cortex.errors import UserError


def can_hold_files(folder: Path) -> None:
    """Refuse a folder that files cannot be written into, or that cannot be made.

    Raises:
        UserError: which folder, and why.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UserError(f"--out {folder}: {place} is a file, allowed: a folder")
    try:
        # Permissions do not say it all: file systems refuse for reasons of their own.
        tempfile.TemporaryDirectory(prefix=".cortex-", dir=place).cleanup()
    except OSError as error:
        raise UserError(f"--out {folder}: cannot write in {place} ({error.strerror})") from None
