"""The models whose outputs are recorded in `ustc_dfine.npz`, by `tests/parity/record_dfine.py`."""

import numpy as np

_SMALL = {
    "encoder_hidden": 32,
    "channels": 32,
    "hidden": 32,
    "layers": 2,
    "depth": 0.34,
    "expansion": 0.5,
    "queries": 9,
}
# One like D-FINE-N; and one like D-FINE-X, whose decoder has other channels than its encoder.
CASES = {"dfine-n": {**_SMALL, "filters": 32}, "dfine-x": {**_SMALL, "backbone": "b0", "filters": 40}}
CLASSES = 3
SIZES = ((64, 64), (64, 128))
NAMES = ("chosen_logits", "chosen_boxes", "logits", "boxes", "corners")


def noise(height: int, width: int) -> np.ndarray:
    """Return an image, uint8 [1, height, width, 3]."""
    return np.random.RandomState(1).randint(0, 256, (1, height, width, 3)).astype(np.uint8)
