"""Files by their stems: how the image, the label file and the annotation file of one image find each other."""

import os
from collections.abc import Iterable, Iterator

from detect.data.image_names import plain, without_upload


class Stems:
    """Files by their paths without suffix.

    A stem that no file has is the file whose stem differs only in case, Unicode form or percent-encoding, if it is one.
    """

    def __init__(self, paths: Iterable[str]):
        """Index relative paths; of several with one stem, the first."""
        self._suffixes: dict[str, str] = {}
        self._stems: dict[str, str] = {}  # by their `plain` spelling, empty where several have it; filled when needed
        # By the same without the prefix of an upload, those that have it; None until it is needed.
        self._uploaded: dict[str, str] | None = None
        for stem, suffix in map(os.path.splitext, paths):
            self._suffixes.setdefault(stem, suffix)

    def __len__(self) -> int:
        return len(self._suffixes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._suffixes)

    def find(self, stem: str) -> str | None:
        """Return the path of the file with a stem, None where there is none."""
        if stem not in self._suffixes:
            stem = self._spelled(stem)
        return stem + self._suffixes[stem] if stem in self._suffixes else None

    def find_uploaded(self, stem: str) -> str | None:
        """Return the path of the only file whose stem is another one by the prefix of an upload, which either may have.

        None where there is none, or more than one.
        """
        bare = without_upload(stem)
        if bare != stem:
            return self.find(bare)
        if self._uploaded is None:
            self._uploaded = {}
            for known in self._suffixes:
                if (key := without_upload(known)) != known:
                    self._uploaded[plain(key)] = "" if plain(key) in self._uploaded else known
        found = self._uploaded.get(plain(stem))
        return found + self._suffixes[found] if found else None

    def _spelled(self, stem: str) -> str:
        """Return the only known stem that differs just in its spelling; `stem` where there is none."""
        if not self._stems:
            for known in self._suffixes:
                key = plain(known)
                self._stems[key] = "" if key in self._stems else known
        return self._stems.get(plain(stem)) or stem
