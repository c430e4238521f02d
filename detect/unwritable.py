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
        raise unwritable(path, error) from None
    except Exception as error:
        if shutil.disk_usage(Path(os.path.realpath(path)).parent).free >= size:
            raise
        raise unwritable(path, OSError(errno.ENOSPC, "")) from error


def unwritable(path: str | Path, error: Exception) -> RunFailure:
    """Return the failure to write `path`, for an `OSError` of a library or of the system."""
    number = getattr(error, "errno", None) or 0
    reason = os.strerror(number) if number in errno.errorcode else getattr(error, "strerror", None) or error
    shown = Path(*(part for part in Path(path).parts if not part.startswith(HIDDEN)))
    return RunFailure(f"{shown} cannot be written: {reason}. {_ADVICE.get(number, _USUAL_ADVICE)}")
