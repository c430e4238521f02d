"""Folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder`, to be filled and delivered; what is left of it in the end is removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def deliver(new: Path, folder: Path) -> None:
    """Have the disk hold the files in `new`, then rename it to `folder`, in place of one that is there.

    Two renames replace a folder; between them the old one is called as `previous` says.
    """
    for path in (*new.rglob("*"), new):
        _sync(path)
    new.chmod(0o755)  # mkdtemp keeps others out
    old = previous(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    _sync(folder.parent)


def previous(folder: Path) -> Path:
    """Where a folder is while another one takes its place."""
    return folder.with_name(folder.name + ".previous")


def is_free(folder: Path, mark: str) -> bool:
    """Whether nothing is lost when the folder is replaced: it is not there, is empty, or has a file called `mark`."""
    return not folder.exists() or (folder / mark).is_file() or (folder.is_dir() and not any(folder.iterdir()))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
