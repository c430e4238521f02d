"""What is known of a published checkpoint besides its tensors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.pixels.resizing import Fit
from detect.models.detector import Detector
from detect.weights.tensors import Target


@dataclass(frozen=True)
class Checkpoint:
    """A published file with all weights of a detector. Each source, a file beside this one, has a tuple CHECKPOINTS."""

    name: str  # what users call it: `retinanet-r50-coco`
    model: str  # a name of `detect.models.names()`
    address: str  # of the file, at its publisher
    digest: str  # SHA-256 in hexadecimal, or its first digits
    publisher: str  # who trained it, and the page that says so
    licence: str  # of the weights
    published_ap: float  # COCO val AP, per cent
    image_size: int  # side that it was evaluated at, as `fit` takes it
    fit: Fit  # how pictures are brought to that size
    classes: tuple[str, ...]  # names, by label
    category_ids: tuple[int, ...]  # their ids in COCO
    read: Callable[[Path], dict[str, np.ndarray]]  # the file's tensors, by name
    targets: Callable[[Detector], Iterator[Target]]  # where they go; together all weights of the detector
    unused: tuple[str, ...] = ()  # ends of the names of tensors that a detector has no use for
    config: Mapping[str, Any] = field(default_factory=dict)  # settings of the model that differ from its row
