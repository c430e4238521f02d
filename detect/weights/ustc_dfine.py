"""D-FINE's published checkpoints: the authors' (https://github.com/Peterande/D-FINE), and theirs on the model hub.

The files of both are read, see `dfine_names`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detect.models.dfine import DFINE
from detect.weights.backbones import hgnet_targets
from detect.weights.checkpoint import Checkpoint
from detect.weights.dfine_names import CONSTANTS, renamed
from detect.weights.files.tensor_files import read_tensors
from detect.weights.hybrid_transformers import (
    denoising_targets,
    encoder_targets,
    projection_targets,
    refinement_decoder_targets,
    selection_targets,
)
from detect.weights.model_hub import hub_checkpoint
from detect.weights.tensors import Target


def targets(detector: DFINE) -> Iterator[Target]:
    """Map the tensors, by the names of `renamed`, to all weights of the detector."""
    yield from hgnet_targets(detector.backbone, "model.backbone.")
    yield from encoder_targets(detector.encoder)
    for index, projection in enumerate(detector.projections):
        yield from projection_targets(projection, f"model.decoder_input_proj.{index}")
    yield from selection_targets(detector.selection)
    yield from refinement_decoder_targets(detector.decoder)
    yield from denoising_targets(detector.denoised_classes)


def read(path: Path) -> dict[str, np.ndarray]:
    """Read a file of the model hub, or of the authors, by the names of `renamed`."""
    return renamed(read_tensors(path, entry="model"))


def _checkpoint(row: str, size: str, data: str, published_ap: float) -> Checkpoint:
    return hub_checkpoint(
        f"dfine-{row}-{data.partition('-')[0]}",
        f"ustc-community/dfine-{size}-{data}",
        "University of Science and Technology of China",
        published_ap,
        read,
        targets,
        CONSTANTS,
        data="COCO" if data == "coco" else "Objects365 and COCO",
    )


CHECKPOINTS = (
    _checkpoint("n", "nano", "coco", 42.8),
    _checkpoint("s", "small", "coco", 48.5),
    _checkpoint("m", "medium", "coco", 52.3),
    _checkpoint("l", "large", "coco", 54.0),
    _checkpoint("x", "xlarge", "coco", 55.8),
    _checkpoint("s", "small", "obj2coco", 50.7),
    _checkpoint("m", "medium", "obj2coco", 55.1),
    _checkpoint("l", "large", "obj2coco-e25", 57.3),
    _checkpoint("x", "xlarge", "obj2coco", 59.3),
)
