"""The one way to write files and folders: they appear complete, or not at all.

What is being written has a hidden name beside its destination, and is renamed when it is complete.

- Symbolic links are followed: what they lead to is replaced, and the link stays.
- Pipes, sockets and devices are written to directly and never replaced.
- A full disk or a missing permission raises one `RunFailure`. What was there before is untouched, and nothing is left
  of the attempt.
- What is hidden is locked, and the system releases the lock when the process ends, however it ends. The next process
  that writes into the same folder removes what nobody holds a lock on.
- Modes follow the umask.
"""

import contextlib
import errno
import functools
import hashlib
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from detect.errors import BadInput, DetectError
from detect.unwritable import HIDDEN, explained, unwritable

if sys.platform != "win32":
    import fcntl

_CHUNK = 2**20  # bytes that are read at a time
_BEGINNING = 200  # bytes by which the kind of a file is recognised
_LOCKED = ".draft"  # end of a hidden name once the file or folder is locked


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8. Folders that are missing are created.

    Raises:
        RunFailure: the file cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file. Folders that are missing are created.

    Raises:
        RunFailure: the file cannot be written.
    """
    with whole_file(path, size=len(content)) as file:
        file.write(content)


@contextlib.contextmanager
def whole_file(path: str | Path, synced: bool = False, kept: Path | None = None, size: int = 0) -> Iterator[IO[bytes]]:
    """Yield an open binary file, which gets its name when the block ends without an error.

    Args:
        path: destination; folders that are missing are created.
        synced: wait until the disk holds the content, so that it survives a power failure.
        kept: name for the file that was at `path` before, beside it; None: it is removed.
        size: bytes that will be written, for the message where there is no room for them; 0: it is not known.

    Raises:
        RunFailure: the file cannot be written; the block may raise any `OSError` for that.
    """
    with contextlib.closing(Draft(path, size)) as draft, draft.writing():
        with draft.open("wb") as file:
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        if kept is not None and os.path.exists(path):
            os.replace(path, kept)
        draft.deliver()


@contextlib.contextmanager
def whole_path(path: str | Path) -> Iterator[Path]:
    """Yield a path to write a file at, for libraries that take no open file. See `whole_file`."""
    with contextlib.closing(Draft(path)) as draft, draft.writing():
        yield draft.path
        draft.deliver()


class GrowingText:
    """A text file that is written bit by bit, and gets its name when it is complete.

    A context manager. Where it is left by an exception, the file follows the rules of `Draft.leave`.

    Attributes:
        ending: text to write last, whether the file is complete or not.
    """

    def __init__(self, path: str | Path, ending: str = ""):
        """`path`: destination; folders that are missing are created. RunFailure where it cannot be written."""
        self.ending = ending
        self._draft = Draft(path)
        with self._draft.writing():
            # Names of files may hold bytes that are not UTF-8: they are written as they are.
            self._file = self._draft.open("w", encoding="utf-8", errors="surrogateescape", newline="")

    def write(self, text: str) -> None:
        """Add text. RunFailure where it cannot be written."""
        with self._draft.writing():
            self._file.write(text)

    def __enter__(self) -> "GrowingText":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, DetectError):
            with contextlib.suppress(OSError):  # the rest of the buffer may not fit either
                self._file.close()
            self._draft.close()  # last: Windows removes no open file
            return
        with self._draft.writing(), self._file:
            self._file.write(self.ending)
        self._draft.leave(error)


class Draft:
    """A file that is being written. Once it is delivered it is at its destination; closed before, it is removed.

    Attributes:
        path: where to write it; the destination itself where that is a pipe, a socket or a device.
    """

    def __init__(self, path: str | Path, size: int = 0):
        """
        Args:
            path: destination; folders that are missing are created.
            size: bytes that will be written, for the message where there is no room for them; 0: it is not known.

        Raises:
            RunFailure: nothing can be written there.
        """
        self._given, self._stack = Path(path), contextlib.ExitStack()
        self._size = 0  # also of a device, which has no room to be compared with
        with self.writing():
            self._direct = _is_direct(self._given)
            self._size = 0 if self._direct else size
            self._destination = self._given if self._direct else _followed(self._given)
            self.path = self._destination if self._direct else self._hidden_path()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Remove the draft and raise `RunFailure` where the block raises an `OSError`."""
        try:
            yield
        except OSError as error:
            self.close()
            raise unwritable(self._given, error, self._size) from None

    def open(self, mode: str, **options: Any) -> IO[Any]:
        """Open the draft for writing, with arguments as of `open`.

        Opened a second time, a file that standard output leads to would be written from its beginning again.
        """
        descriptor = _descriptor(self._given)
        return open(self.path if descriptor is None else os.dup(descriptor), mode, **options)

    def deliver(self) -> None:
        """Put the file at its destination. RunFailure where that is not possible."""
        self._move(self._destination)

    def leave(self, error: BaseException | None) -> None:
        """End a file that was written bit by bit: deliver it if it is complete.

        A failure that has been explained leaves nothing. After any other exception, such as Ctrl-C, what there is stays
        as `NAME.partial.SUFFIX`, until a later run has delivered the file.
        """
        partial = self._destination.with_suffix(f".partial{self._destination.suffix}")
        if error is None:
            self.deliver()
            with contextlib.suppress(OSError):
                partial.unlink()
        elif not isinstance(error, DetectError):
            self._move(partial)
        self.close()

    def close(self) -> None:
        """Remove what was not delivered."""
        self._stack.close()

    def _hidden_path(self) -> Path:
        if self._destination.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return self._stack.enter_context(_hidden(self._destination.parent, Path.touch))

    def _move(self, to: Path) -> None:
        if not self._direct:
            with self.writing():
                os.replace(self.path, to)
        self.close()


@contextlib.contextmanager
def draft_folder(folder: str | Path) -> Iterator[Path]:
    """Yield an empty folder, to be filled and passed to `deliver_folder`. What is not delivered is removed.

    Raises:
        RunFailure: nothing can be written beside `folder`.
    """
    destination = _followed(Path(folder))
    with contextlib.ExitStack() as stack:
        with explained(folder):
            new = stack.enter_context(_hidden(destination.parent, Path.mkdir)) / destination.name
            new.mkdir()
        yield new


def deliver_folder(new: Path, folder: str | Path, synced: bool = True) -> None:
    """Rename `new` to `folder`, in place of one that is there.

    Two renames replace a folder; between them the old one is called as `previous` says.

    Args:
        new: the folder, as `draft_folder` yielded it.
        folder: destination.
        synced: wait until the disk holds the files, so that they survive a power failure.

    Raises:
        RunFailure: that is not possible; a folder that was there is there again.
    """
    destination = _followed(Path(folder))
    with explained(folder):
        for path in (*new.rglob("*"), new) if synced else ():
            _sync(path)
        _exchange(new, destination)
        _sync(destination.parent)


def previous(folder: Path) -> Path:
    """Return the path of a folder while another one takes its place."""
    folder = _followed(folder)
    return folder.with_name(folder.name + ".previous")


def is_free(folder: Path, mark: str) -> bool:
    """Return whether the folder can be replaced without loss: it is missing, empty, or has a file called `mark`."""
    return not os.path.exists(folder) or (folder / mark).is_file() or (folder.is_dir() and not any(folder.iterdir()))


def replaces(path: str | Path) -> bool:
    """Return whether a file with something in it is at `path`, which a new one would replace."""
    return os.path.isfile(path) and not _is_direct(Path(path)) and os.path.getsize(path) > 0


def require_own(path: Path, is_own: Callable[[str], bool], kind: str) -> None:
    """Raise `BadInput` where `path` is a file of another kind, which would be replaced. For use before long work.

    Args:
        path: the file to write.
        is_own: returns whether a file that begins like this is of the right kind.
        kind: names the right kind.

    Raises:
        RunFailure: nothing can be written there.
    """
    if replaces(path):
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING).decode("utf-8", "replace")
        if not is_own(beginning):
            raise BadInput(f"{path} would be replaced, but it is not {kind}. Give another file, or remove this one.")
    Draft(path).close()


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of the content of a file, in hexadecimal; OSError where it cannot be read."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _is_direct(path: Path) -> bool:
    """Return whether `path` is a pipe, a socket, a device, or an open file such as /dev/stdout, and never replaced."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or _descriptor(path) is not None


def _descriptor(path: Path) -> int | None:
    """Return the number of this process's open file that `path` leads to, such as 1 for /dev/stdout."""
    own = Path("/proc/self/fd").resolve()
    while path.is_symlink():
        if path.parent.resolve() == own:
            return int(path.name)
        path = path.parent / path.readlink()
    return None


def _followed(path: Path) -> Path:
    """Return the absolute path that symbolic links lead to, whether it exists or not."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def _hidden(parent: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a hidden file or folder in `parent`, which is created where it is missing; in the end it is removed."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    _remove_abandoned(parent)
    hidden = parent / f"{HIDDEN}{uuid.uuid4().hex}"
    create(hidden)
    lock = _locked(hidden)
    if lock is not None:  # from now on, whoever can lock what has such a name knows that its owner is gone
        hidden = hidden.rename(hidden.with_name(hidden.name + _LOCKED))
    try:
        yield hidden
    finally:
        _remove(hidden)
        if lock is not None:
            os.close(lock)


@functools.lru_cache(maxsize=1024)
def _remove_abandoned(parent: Path) -> None:
    """Remove what killed processes have left in `parent`. Once per process, because this reads the whole folder."""
    for hidden in parent.glob(f"{HIDDEN}*{_LOCKED}"):
        lock = _locked(hidden)
        if lock is not None:
            _remove(hidden)
            os.close(lock)


def _remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    try:
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError:  # a folder
        shutil.rmtree(path, ignore_errors=True)


def _locked(path: Path) -> int | None:
    """Lock a file or folder and return the file descriptor; None if another process has the lock, or nobody can."""
    if sys.platform == "win32":  # no such locks: what a killed process leaves stays
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # gone by now
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _exchange(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`, and remove what was there."""
    old = previous(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    if sys.platform == "win32":  # possible neither for folders there, nor for files that are open for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
