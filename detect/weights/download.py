"""Downloads of published files: kept in a cache folder, verified, and resumed where a connection broke."""

import contextlib
import errno
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from detect.errors import RunFailure
from detect.files import file_digest
from detect.machine import cache_folder

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

TIMEOUT = 10  # seconds without an answer, or between two parts of it; what was received is kept
ATTEMPTS = 4  # in a row that receive nothing new
PAUSE = 1.0  # seconds before the second attempt; doubles each time
PASSING = {408, 425, 429, 500, 502, 503, 504}  # status codes of temporary failures
CHUNK = 2**20  # bytes
SHOWN = 8  # digits of a digest

Progress = Callable[[int, int], None]  # bytes received, bytes in total (0 where the server does not say)


class UnavailableError(Exception):
    """The file cannot be downloaded, and another attempt would not help."""


class BrokenTransferError(UnavailableError):
    """The transfer failed; another attempt may succeed."""


def cached_file(address: str) -> Path:
    """Return the path of the file at `address` once it has been downloaded, or put there by hand.

    Its name is the fragment of the address, which servers do not see, or else the last part of the address. The model
    hub, whose addresses are `.../OWNER/REPOSITORY/resolve/REVISION/FILE`, has a `model.safetensors` of each model:
    there the name of the repository comes first.
    """
    parts = urlsplit(address)
    *before, name = parts.path.split("/")
    place = before[-3] + "-" if len(before) > 3 and before[-2] == "resolve" else ""
    return cache_folder() / (parts.fragment or f"{place}{name}")


def fetch(address: str, digest: str, progress: Progress | None = None, otherwise: str = "") -> Path:
    """Return the path of the file at `address` in the cache folder; download it if it is not there.

    Several processes may call this at the same time.

    Args:
        address: http or https; for the file's name see `cached_file`.
        digest: SHA-256 of the file in hexadecimal, or its first digits; or `md5:` and its MD5.
        progress: called while downloading.
        otherwise: a sentence for errors that says what else the user can do.

    Raises:
        RunFailure: the file cannot be downloaded, or is not the published one.
    """
    path = cached_file(address)
    try:
        if not path.exists():
            with alone(path):
                if not path.exists():  # another process may have downloaded it meanwhile
                    _download(address, path, digest, progress)
        _check(path, digest)
    except UnavailableError as error:
        raise RunFailure(
            f"Could not download {address}: {error}. "
            f"Download it elsewhere and put it at {path}, or try again. {otherwise}".rstrip()
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    return path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on `path`, for which other processes wait. The system releases it when the process ends in any way.

    Raises:
        RunFailure: the folder of `path` cannot be created or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a")  # "w" would change a file that another process has locked
    except OSError as error:
        raise _unwritable(path, error) from None
    with lock:
        _wait_for(lock.fileno())
        yield


def _wait_for(lock: int) -> None:
    """Lock a file, given by its descriptor, as soon as no other process has it locked."""
    if sys.platform != "win32":
        fcntl.flock(lock, fcntl.LOCK_EX)
    else:
        while not _locked_on_windows(lock):
            pass


def _locked_on_windows(lock: int) -> bool:
    """Wait for a lock, and return whether it is there: Windows gives up after ten seconds."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(lock, msvcrt.LK_LOCK, 1)  # its first byte, which need not exist
        except OSError as error:
            if error.errno not in (errno.EDEADLK, errno.EACCES):
                raise
            return False
    return True


def _unwritable(path: Path, error: OSError) -> RunFailure:
    return RunFailure(
        f"Could not write {path}: {error.strerror or error}. "
        "Set the environment variable DETECT_CACHE to another folder."
    )


def _download(address: str, path: Path, digest: str, progress: Progress | None) -> None:
    """Download to a partial file, which is kept when the transfer fails; verify it; then rename it."""
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _transfer(address, part, progress)
            break
        except BrokenTransferError:
            failures = 1 if _size(part) > before else failures + 1
            if failures == ATTEMPTS:
                raise
            time.sleep(PAUSE * 2 ** (failures - 1))
    _check(part, digest)
    os.replace(part, path)


def _transfer(address: str, part: Path, progress: Progress | None) -> None:
    """Download what `part` lacks over one connection; UnavailableError or BrokenTransferError where that fails."""
    start = _size(part)
    if progress is not None:
        progress(start, 0)  # before the wait for a server, so that it is shown, and can be ended
    with _open(address, start) as answer:
        if answer.status != 206:  # the server cannot resume: start from the beginning
            start = 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else 0
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            for chunk in _chunks(answer):
                file.write(chunk)
                if progress is not None:
                    progress(file.tell(), total)
    if total and _size(part) < total:
        raise BrokenTransferError(f"the connection broke after {_size(part)} of {total} bytes")


def _open(address: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "detect"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        return urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # the partial file is as long as the whole file, or longer
            return _open(address, 0)
        kind = BrokenTransferError if error.code in PASSING else UnavailableError
        raise kind(reason_of(error)) from None
    except (OSError, http.client.HTTPException) as error:
        kind = BrokenTransferError if start else UnavailableError  # without a network, fail at once
        raise kind(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """Return in words why an address could not be read."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    cause = getattr(error, "reason", error)
    return getattr(cause, "strerror", None) or str(cause) or type(error).__name__


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read1(CHUNK):  # what is there: `read` would wait for a whole chunk
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise BrokenTransferError(reason_of(error)) from None


def difference(path: Path, digest: str) -> str | None:
    """Return in words how a file differs from one with this `digest`, see `fetch`; None where it does not."""
    is_md5 = digest.startswith("md5:")
    name, expected = ("MD5", digest.removeprefix("md5:")) if is_md5 else ("SHA-256", digest)
    found = file_digest(path, "md5" if is_md5 else "sha256")
    if found.startswith(expected):
        return None
    return f"its {name} starts with {found[:SHOWN]}, not {expected[:SHOWN]}"


def _check(path: Path, digest: str) -> None:
    """Raise RunFailure and remove the file unless it has this `digest`, see `fetch`."""
    problem = difference(path, digest)
    if problem:
        path.unlink()
        raise RunFailure(f"{path} is not the published file: {problem}. The file has been removed; try again.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
