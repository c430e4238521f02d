"""The two kinds of failure, each with one clear message for the user.

A message says what was expected, what was found, where (file, line, image id) and what to do.
"""

from collections.abc import Iterable, Sequence

FEW = 10  # names that are all listed


class DetectError(Exception):
    """A failure with an explanation: its lines are all that a user needs to read.

    Each argument is a line. Within a line, names of files may hold whatever a file can be called, line breaks too.
    """

    exit_code = 1
    _keras_call_info_injected = True  # to errors without it, Keras adds the arguments of the layer that raised them

    def __init__(self, *lines: str):
        super().__init__(*lines)

    def __str__(self) -> str:
        return "\n".join(self.args)


class RunFailure(DetectError):
    """A failure on the way, although the input was usable: a full disk, a loss that is not finite."""


class BadInput(DetectError):
    """Input of the user that cannot be used: an unknown name, a missing file, a malformed annotation."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the closest of the known names; all of them where none is close, or where they are few."""
    import difflib

    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}?" if close and close[0] != name else ""
    if not known or (hint and not 1 < len(known) <= FEW):
        return hint
    return f"{hint} Known: {', '.join(known)}.".lstrip()


def counted(count: int, one: str, many: str) -> str:
    """Return a number and what it counts: `counted(n, "box was", "boxes were")` is "1 box was" or "2 boxes were"."""
    return f"{count} {one if count == 1 else many}"


def listed(names: Sequence[str], most: int = FEW) -> str:
    """Return names in one line, the first `most` of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
