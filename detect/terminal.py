"""Texts that can hold anything, such as names of files and messages about them, as a terminal may show them."""

import re

_LONGEST_WORD = 1000  # characters
# Characters that move the cursor, change colours or titles, or turn the direction of text; and bytes of file names that
# are not UTF-8.
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return a text as a line that a terminal may show: control characters as `\x1b`, very long words shortened."""
    shown = _NOT_SHOWN.sub(lambda found: repr(found[0])[1:-1], text)
    return re.sub(rf"\S{{{_LONGEST_WORD + 1},}}", lambda found: shortened(found[0], _LONGEST_WORD), shown)


def shortened(text: str, longest: int) -> str:
    """Return a text without its middle where it has more than `longest` characters."""
    half = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:half]}...{text[-half:]}"
