"""The models whose outputs are recorded in `intellindust_deimv2.npz`, by `tests/parity/record_deimv2.py`."""

import numpy as np

_SMALL = {"channels": 32, "hidden": 32, "layers": 2, "queries": 9}
# One with a lite encoder; and one with a hybrid encoder. With that, theirs are wrong where images are not square.
CASES = {"deimv2-atto": _SMALL, "deimv2-n": {**_SMALL, "encoder_hidden": 32}}
SIZES = {"deimv2-atto": ((64, 64), (64, 128)), "deimv2-n": ((64, 64), (96, 96))}
CLASSES = 3
NAMES = ("chosen_logits", "chosen_boxes", "logits", "boxes", "corners")


def noise(height: int, width: int) -> np.ndarray:
    """Return an image, uint8 [1, height, width, 3]."""
    return np.random.RandomState(1).randint(0, 256, (1, height, width, 3)).astype(np.uint8)
