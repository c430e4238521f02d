"""Write a folder of many files, which appears complete or not at all.

The files in it are written directly: nobody sees them before the folder has its name. See `detect.files` for the rest.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from detect.errors import BadInput
from detect.files import deliver_folder, draft_folder
from detect.unwritable import explained


class NewFolder:
    """A folder that is being filled. All names are paths in it, with slashes; folders are created where needed."""

    def __init__(self, path: Path):
        self._path = path
        self._parents: set[str] = set()

    def open(self, name: str) -> BinaryIO:
        """Open a file to be written; OSError where that is not possible."""
        return open(self._place(name), "wb")

    def write(self, name: str, content: bytes) -> None:
        """Write a file; OSError where that is not possible."""
        with self.open(name) as file:
            file.write(content)

    def link(self, name: str, source: str) -> None:
        """Give a file a second name in the folder; OSError where the file systems cannot do that."""
        os.link(os.path.realpath(source) if os.path.islink(source) else source, self._place(name))

    def _place(self, name: str) -> str:
        parent = os.path.join(self._path, os.path.dirname(name))
        if parent not in self._parents:
            os.makedirs(parent, exist_ok=True)
            self._parents.add(parent)
        return os.path.join(self._path, name)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[NewFolder]:
    """Yield a folder to be filled, which gets its name when the block ends without an error, and is removed otherwise.

    Raises:
        BadInput: there is something at `folder` already.
        RunFailure: it cannot be written; the block may raise any `OSError` for that.
    """
    require_new(folder)
    with draft_folder(folder) as draft, explained(folder):
        yield NewFolder(draft)
        deliver_folder(draft, folder, synced=False)


def require_new(folder: Path) -> None:
    """Raise `BadInput` where there is something at `folder` already, other than an empty folder."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not an empty folder. Nothing in it is replaced: give another folder.")
