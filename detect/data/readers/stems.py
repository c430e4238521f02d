"""Files by their stems: how the image, the label file and the annotation file of one image find each other."""

import os
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote


class Stems:
    """Files by their paths without suffix.

    A stem that no file has is also found where upper and lower case, the Unicode form or percent-encoding differ: files
    are renamed by file systems and by servers, and lists are not.
    """

    def __init__(self, paths: Iterable[str]):
        """Index relative paths; of several with one stem, the first."""
        self._suffixes: dict[str, str] = {}
        self._stems: dict[str, str] = {}  # by how all spellings are compared; filled when it is first needed
        for stem, suffix in map(os.path.splitext, paths):
            self._suffixes.setdefault(stem, suffix)

    def __len__(self) -> int:
        return len(self._suffixes)

    def find(self, stem: str) -> str | None:
        """Return the path of the file with a stem, None where there is none."""
        if stem not in self._suffixes:
            stem = self._spelled(stem)
        return stem + self._suffixes[stem] if stem in self._suffixes else None

    def _spelled(self, stem: str) -> str:
        if not self._stems:
            for known in self._suffixes:
                self._stems.setdefault(_comparable(known), known)
        return self._stems.get(_comparable(stem), stem)


def _comparable(stem: str) -> str:
    """Return what all spellings of a stem have in common."""
    return unicodedata.normalize("NFC", unquote(stem)).casefold()
