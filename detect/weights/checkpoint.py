"""The description of a published checkpoint."""

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
    """A published file with all weights of a detector. Each file beside this one has those of a source: CHECKPOINTS."""

    name: str  # the name that users give, such as `retinanet-r50-coco`
    model: str  # a name in `detect.models.names()`
    address: str  # of the file, at its publisher; for its name here see `download.cached_file`
    digest: str  # SHA-256 in hexadecimal, or its first digits; or `md5:` and its MD5
    publisher: str  # who trained it, and the page that says so
    licence: str  # of the weights
    published_ap: float  # COCO val AP, per cent
    image_size: int  # size at which it was evaluated, as `fit` understands it, pixels
    fit: Fit  # how images are resized
    classes: tuple[str, ...]  # names, by label
    category_ids: tuple[int, ...]  # their ids in COCO
    read: Callable[[Path], dict[str, np.ndarray]]  # reads the file's tensors, by name
    targets: Callable[[Detector], Iterator[Target]]  # maps them to the weights of the detector, all of which it names
    ordered: bool = False  # whether `targets` are in the order in which the network runs, as those of ONNX files are
    unused: tuple[str, ...] = ()  # ends of the names of tensors that a detector does not need
    config: Mapping[str, Any] = field(default_factory=dict)  # settings of the model that differ from its row
