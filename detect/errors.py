"""The two ways a command can end badly, each with one clear message for the person who ran it.

A message says what was expected, what came, where (file, line, image id) and what to do next.
"""


class DetectError(Exception):
    """A failure that has been explained: its text is all that a user needs to read."""

    exit_code = 1


class RunFailure(DetectError):
    """Something failed while running, although the input was usable: a full disk, a non-finite loss."""


class BadInput(DetectError):
    """What the user gave cannot be used: an unknown name, a missing file, a malformed annotation."""

    exit_code = 2


def did_you_mean(name: str, known) -> str:
    """A sentence naming the closest of `known` and all of them; empty where nothing is known."""
    import difflib

    known = sorted(known)
    if not known:
        return ""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(known)}."
