"""The file that an option names for the results of a command."""

from collections.abc import Callable
from pathlib import Path

from detect.cli.printing import say
from detect.files import replaces, require_own


def announce(path: Path | None, is_own: Callable[[str], bool], kind: str) -> None:
    """Print a line where `path` is a file that will be replaced; for other arguments and errors see `require_own`.

    Nothing is done where the option was not given.
    """
    if path is None:
        return
    require_own(path, is_own, kind)
    if replaces(path):
        say(f"{path} will be replaced.")
