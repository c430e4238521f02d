"""The names of the models that a server has."""

from collections.abc import Sequence
from pathlib import PurePath

from detect.errors import BadInput


def served_names(given: Sequence[str]) -> list[str]:
    """Return a short name for each model: the end of its path, with as many folders as tell all of them apart.

    Raises:
        BadInput: a model is given twice.
    """
    parts = [PurePath(each).parts or (each,) for each in given]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    raise BadInput(f"A model is given twice: {', '.join(given)}. Give each of them once.")
