"""Decode all images of a split once, for everything that has to look at pixels."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.data.pixels.images import read_image
from detect.data.records import Records
from detect.errors import BadInput
from detect.machine import cores


@dataclass(frozen=True)
class Survey:
    """What the pixels of R images say."""

    unreadable: np.ndarray  # bool [R], images that cannot be decoded although their headers can be read


def survey(records: Records, advance: Callable[[], None] = lambda: None) -> Survey:
    """Decode the R images of records, and return what was found. `advance` is called after each of them."""
    unreadable = np.zeros(len(records), bool)
    with ThreadPoolExecutor(cores()) as pool:
        for index, fails in enumerate(pool.map(_fails, map(records.image_path, range(len(records))))):
            unreadable[index] = fails
            advance()
    return Survey(unreadable)


def _fails(path: Path) -> bool:
    try:
        read_image(path)
    except BadInput:
        return True
    return False
