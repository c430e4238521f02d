"""Checkpoints of transformer detectors on the model hub, https://huggingface.co."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.pixels.resizing import Fit
from detect.weights.checkpoint import Checkpoint
from detect.weights.coco_classes import IDS, NAMES
from detect.weights.tensors import STEP_COUNT, Target

HUB = "https://huggingface.co"


def hub_checkpoint(
    name: str,
    page: str,
    author: str,
    published_ap: float,
    read: Callable[[Path], dict[str, np.ndarray]],
    targets: Callable[[Any], Iterator[Target]],
    unused: tuple[str, ...],
    image_size: int = 640,
    data: str = "COCO",
) -> Checkpoint:
    """Return the description of a checkpoint with the 80 classes of COCO, for images that are stretched to a square.

    Args:
        name: the model and what it was trained on, such as `dfine-n-coco`.
        page: on the hub, such as `ustc-community/dfine-nano-coco`.
        author: who trained it.
        published_ap: as of `Checkpoint`.
        read: as of `Checkpoint`.
        targets: as of `Checkpoint`.
        unused: as of `Checkpoint`; counters of steps are added.
        image_size: side of the square, pixels.
        data: what it was trained on, for the licence.
    """
    address = f"{HUB}/{page}"
    return Checkpoint(
        name=name,
        model=name.rpartition("-")[0],
        address=f"{address}/resolve/main/model.safetensors",
        digest="",  # not published but by the server itself
        publisher=f"{author}, {address}",
        licence=f"Apache-2.0; trained on {data}",
        published_ap=published_ap,
        image_size=image_size,
        fit=Fit(kind="stretch"),
        classes=NAMES,
        category_ids=IDS,
        read=read,
        targets=targets,
        unused=(STEP_COUNT, *unused),
    )
