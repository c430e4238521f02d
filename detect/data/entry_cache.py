"""A cache on disk of what was computed from many small things, by key."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_SECONDS = 10.0  # to wait for another process that writes
_KEYS_AT_A_TIME = 500  # of a query; SQLite allows 999 values in its older versions


class EntryCache:
    """Entries in an SQLite file, which several processes may use at once. A context manager.

    A cache is there to save time: where it cannot be read or written, nothing is kept, and nothing fails.
    """

    def __init__(self, path: Path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_SECONDS)
        except (sqlite3.Error, OSError):
            self._database = sqlite3.connect(":memory:")
        with suppress(sqlite3.Error):
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, entry BLOB) WITHOUT ROWID"
            )

    def entries(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the entries that there are, by their keys."""
        found: dict[bytes, bytes] = {}
        with suppress(sqlite3.Error):
            for start in range(0, len(keys), _KEYS_AT_A_TIME):
                some = keys[start : start + _KEYS_AT_A_TIME]
                places = ", ".join("?" * len(some))
                found.update(self._database.execute(f"SELECT key, entry FROM entries WHERE key IN ({places})", some))
        return found

    def add(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Add pairs of a key and an entry."""
        with suppress(sqlite3.Error), self._database:
            self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", entries)

    def __enter__(self) -> "EntryCache":
        return self

    def __exit__(self, *_) -> None:
        self._database.close()
