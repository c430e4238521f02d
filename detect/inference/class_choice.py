"""Some of the classes of a model, chosen by name or number."""

from collections.abc import Iterable, Sequence

import numpy as np

from detect.errors import BadInput, did_you_mean


def labels_of(chosen: str | int | Iterable[str | int], classes: Sequence[str]) -> list[int]:
    """Return the labels of the classes that are chosen, in order, each once.

    Args:
        chosen: names or labels, 0 to K-1; a text may hold several, with commas between them. What is the name of a
            class is taken for it first: a name may be a number, or have a comma in it.
        classes: the K names.

    Raises:
        BadInput: there is no class of a name or number; all such are named.
    """
    words = [chosen] if isinstance(chosen, (str, int, np.integer)) else list(chosen)
    parts = [part for word in words for part in _parts(word, classes)]
    found = {part: _label(part, classes) for part in parts}
    unknown = [part for part, label in found.items() if label is None]
    if unknown:
        hints = (did_you_mean(str(part), classes) for part in unknown)
        raise BadInput(*(f"The model has no class {part!r}. {hint}" for part, hint in zip(unknown, hints, strict=True)))
    return list(dict.fromkeys(label for label in found.values() if label is not None))


def _parts(word: str | int, classes: Sequence[str]) -> list[str | int]:
    if not isinstance(word, str) or word in classes:
        return [word]
    return [part.strip() for part in word.split(",") if part.strip()]


def _label(part: str | int, classes: Sequence[str]) -> int | None:
    if isinstance(part, str) and part in classes:
        return classes.index(part)
    is_number = isinstance(part, (int, np.integer)) or (isinstance(part, str) and part.isascii() and part.isdigit())
    return int(part) if is_number and 0 <= int(part) < len(classes) else None
