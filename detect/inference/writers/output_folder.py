"""The folder of a run's outputs, in which nothing is replaced but unchanged files of earlier runs.

A hidden file lists what runs have written. A file that is not in the list, or that was changed since, such as a label
file that somebody has corrected, is never replaced. Each file is added to the list before it is written. So the list
also holds those of a run that was killed, and all that it has written is older than the last change of the list.

What an earlier run wrote for the same source and this one does not write again, such as the crop of an object that is
no longer detected, is removed.
"""

import contextlib
import glob
import json
import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

from detect.errors import BadInput, counted
from detect.files import write_text
from detect.unwritable import explained

_PRECISION = 2 * 10**9  # nanoseconds: FAT rounds times to two seconds, some time after a file was written
_LIST = ".detect-predict.jsonl"


@dataclass(frozen=True)
class _Output:
    kind: str
    source: str
    size: int  # bytes
    changed: int  # nanoseconds, as the file system says


class OutputFolder:
    """Gives writers the paths of their files. A context manager; in the end, the list tells the state of each file.

    Attributes:
        folder: the folder.
        replaced: number of files of earlier runs that were written again so far.
        removed: number of those that were removed, known in the end.
    """

    def __init__(self, folder: Path):
        """`folder`: need not exist. BadInput where it is a file, or its list is damaged."""
        if os.path.exists(folder) and not folder.is_dir():  # `Path.exists` raises an error for a name that is too long
            raise BadInput(f"{folder} is not a folder. Give one for the outputs.")
        self.folder = folder
        self.replaced = self.removed = 0
        self._list: TextIO | None = None
        self._earlier = _read(folder)
        self._made: dict[str, tuple[str, str]] = {}  # kind and source by path
        self._renewed: set[tuple[str, str]] = set()  # kinds and sources whose earlier files are outdated

    def path(self, name: str, kind: str, source: str) -> Path:
        """Return the path to write a file at.

        Args:
            name: path within the folder.
            kind: what is written, such as "crops".
            source: name of the source that it is made of.

        Raises:
            BadInput: there is a file that no run has written, or that this one has written for something else.
        """
        path = self.require_free(name)
        self.renew(kind, source)
        if name not in self._made:
            self.replaced += self._is_ours(name)
            self._add_to_list(name, kind, source)
        if self._made.setdefault(name, (kind, source)) != (kind, source):
            raise BadInput(f"{path} would be written twice in this run. Rename one of the sources.")
        return path

    def renew(self, kind: str, source: str) -> None:
        """Let earlier files of this kind and source be removed, unless they are written again."""
        self._renewed.add((kind, source))

    def require_free(self, name: str) -> Path:
        """Return the path of a file that may be replaced or is not there; BadInput for any other."""
        path = self.folder / name
        if name not in self._made and not self._is_ours(name) and os.path.lexists(path):
            state = "has changed since it was written" if name in self._earlier else "is not from an earlier run"
            raise BadInput(f"{path} would be replaced, but it {state}. Give another output folder.")
        return path

    def notes(self) -> list[str]:
        """Return a sentence about the files of earlier runs, once the folder is left; none where none was touched."""
        if not (self.replaced or self.removed):
            return []
        replaced = counted(self.replaced, "file was", "files were")
        return [f"Of an earlier run in {self.folder}, {replaced} replaced and {self.removed} removed."]

    def sources_of(self, kind: str) -> set[str]:
        """Return the sources of which earlier runs have written this kind of files."""
        return {output.source for output in self._earlier.values() if output.kind == kind}

    def new_name(self, name: str) -> str:
        """Return a name of a source of which nothing has been written: this one, or with `-2` and so on behind it."""
        taken = {output.source for output in self._earlier.values()}
        names = (f"{name}-{number}" if number > 1 else name for number in count(1))
        return next(new for new in names if new not in taken and not list(self.folder.glob(f"{glob.escape(new)}.*")))

    def __enter__(self) -> "OutputFolder":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            self._remove_outdated()
        if self._list:
            with contextlib.suppress(OSError):  # of a full disk, which was explained
                self._list.close()
        made = {name: _output(self.folder / name, *origin) for name, origin in self._made.items()}
        outputs = {**self._earlier, **{name: output for name, output in made.items() if output}}
        if not outputs:
            _remove(self.folder / _LIST)
        elif self._list or outputs != self._earlier:
            self._write(outputs)

    def _add_to_list(self, name: str, kind: str, source: str) -> None:
        with explained(self.folder):
            if self._list is None:
                self._write(self._earlier)
                self._list = (self.folder / _LIST).open("a", buffering=1, encoding="utf-8")  # each line at once
            self._list.write(json.dumps([name, kind, source]) + "\n")

    def _remove_outdated(self) -> None:
        for name, output in list(self._earlier.items()):
            if (output.kind, output.source) in self._renewed and name not in self._made:
                if self._is_ours(name):
                    _remove(self.folder / name)
                    self.removed += 1
                del self._earlier[name]

    def _is_ours(self, name: str) -> bool:
        earlier = self._earlier.get(name)
        now = earlier and _output(self.folder / name, earlier.kind, earlier.source)
        if not earlier or not now:
            return False
        return now.size == earlier.size and abs(now.changed - earlier.changed) <= _PRECISION

    def _write(self, outputs: dict[str, _Output]) -> None:
        lines = (json.dumps([name, o.kind, o.source, o.size, o.changed]) for name, o in outputs.items())
        write_text(self.folder / _LIST, "".join(f"{line}\n" for line in lines))


def _read(folder: Path) -> dict[str, _Output]:
    path = folder / _LIST
    if not os.path.exists(path):
        return {}
    try:
        *lines, _ = path.read_text(encoding="utf-8").split("\n")  # the end of a killed run may be half a line
        rows = {name: rest for name, *rest in map(json.loads, lines)}
        listed = path.stat().st_mtime_ns
        outputs = {name: _Output(*rest) for name, rest in rows.items() if len(rest) > 2}
        begun = {name: _begun(folder / name, listed, *rest) for name, rest in rows.items() if len(rest) <= 2}
        return {**outputs, **{name: output for name, output in begun.items() if output}}
    except (OSError, ValueError, TypeError):
        raise BadInput(f"{path} is damaged: it should tell which files may be replaced. Give another folder.") from None


def _begun(path: Path, listed: int, kind: str, source: str) -> _Output | None:
    """Return what a run that was killed has written; None where it has not, or somebody has changed it since."""
    output = _output(path, kind, source)
    return output if output and output.changed <= listed + _PRECISION else None


def _output(path: Path, kind: str, source: str) -> _Output | None:
    """Return what is known about a file that has been written; None where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _Output(kind, source, status.st_size, status.st_mtime_ns)


def _remove(path: Path) -> None:
    """Remove a file, and its folder if it was the last one in it."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()
