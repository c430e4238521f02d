"""A text file that is written bit by bit, and gets its name when it is complete."""

from pathlib import Path
from typing import TextIO

from detect.errors import BadInput, RunFailure


class WholeFile:
    """A context manager around an open text file, called `NAME.partial` until the context is left without an error."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._partial = self.path.with_name(f"{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Names of files may hold bytes that are not UTF-8: written as they are.
            self.file: TextIO = open(self._partial, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
        except OSError as error:
            raise RunFailure(f"{self.path} cannot be written: {error.strerror}.") from None

    def __enter__(self) -> TextIO:
        return self.file

    def __exit__(self, kind, error, trace) -> None:
        self.file.close()
        if kind is None:
            self._partial.replace(self.path)
        elif issubclass(kind, BadInput):  # there was nothing to write about
            self._partial.unlink()
