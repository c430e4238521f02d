"""Code that comes with models, and that this installation has made or that its user has named as trusted.

It is known by its content: a file in the cache folder for each.
"""

import contextlib
from pathlib import Path

from detect.errors import RunFailure
from detect.files import write_bytes
from detect.machine import cache_folder

_here: set[Path] = set()  # marks of this process: of a cache that cannot be written, later ones know nothing


def trust(digest: str) -> None:
    """Trust the code whose content has this SHA-256, in hexadecimal, from now on."""
    _here.add(_mark(digest))
    with contextlib.suppress(RunFailure):
        write_bytes(_mark(digest), b"")


def is_trusted(digest: str) -> bool:
    """Return whether the code whose content has this SHA-256 is trusted."""
    return _mark(digest) in _here or _mark(digest).exists()


def _mark(digest: str) -> Path:
    return cache_folder() / "trusted" / digest
