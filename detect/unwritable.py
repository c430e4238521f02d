"""Failures to write a file: what stopped it, in one sentence."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from detect.errors import DetectError, RunFailure

HIDDEN = ".detect-"  # start of the names of what is being written, see `detect.files`
_USUAL_ADVICE = "Free some space or choose a place that you may write to."
_ADVICE = MappingProxyType(
    {
        errno.EISDIR: "Give the name of a file in this folder.",
        errno.ENOTDIR: "Choose a place in a folder.",
        errno.ENAMETOOLONG: "Choose a shorter name.",
    }
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def explained(path: str | Path, size: int = 0) -> Iterator[None]:
    """Raise `RunFailure` where the block, which writes to `path`, raises an `OSError`.

    Args:
        path: file or folder to name in the message.
        size: bytes to write. Where there is no room for them, every other exception is taken for that of a full disk:
            some libraries do not say what stopped them.
    """
    try:
        yield
    except DetectError:
        raise
    except OSError as error:
        raise unwritable(path, error, size) from None
    except Exception as error:
        if shutil.disk_usage(Path(os.path.realpath(path)).parent).free >= size:
            raise
        raise unwritable(path, OSError(errno.ENOSPC, ""), size) from error


def unwritable(path: str | Path, error: Exception, size: int = 0) -> RunFailure:
    """Return the failure to write `path`.

    Args:
        path: file or folder to name in the message.
        error: an `OSError` of a library or of the system.
        size: bytes that were to be written; 0: it is not known.
    """
    number = getattr(error, "errno", None) or 0
    reason = os.strerror(number) if number in errno.errorcode else getattr(error, "strerror", None) or error
    shown = Path(*(part for part in Path(path).parts if not part.startswith(HIDDEN)))
    room = _room(shown, size) if number in _NO_ROOM and size else ""
    return RunFailure(f"{shown} cannot be written: {reason}{room}. {_ADVICE.get(number, _USUAL_ADVICE)}")


def _room(path: Path, size: int) -> str:
    """Return in words how many bytes are wanted and free; without the latter where the system does not say it."""
    wanted = f"{size / 1e6:.1f} MB are wanted"
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(Path(os.path.realpath(path)).parent).free
        return f" ({wanted}, {free / 1e6:.1f} MB are free)"
    return f" ({wanted})"
