"""Record what D-FINE of `transformers` computes for random weights: `tests/weights/ustc_dfine.npz`.

.venv-parity/bin/python tests/parity/record_dfine.py
"""

import json
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "weights")]

import transformers_references as references  # noqa: E402
from ustc_dfine_cases import CASES, CLASSES, NAMES, SIZES, noise  # noqa: E402

from detect import models  # noqa: E402


def main() -> None:
    recorded: dict[str, np.ndarray] = {}
    for row, settings in CASES.items():
        config = models.variant(row).config.model_copy(update=settings)
        theirs = references.dfine(config, CLASSES)
        shapes = {name: list(value.shape) for name, value in theirs.state_dict().items()}
        recorded[f"{row}/shapes"] = np.array(json.dumps(shapes))
        for height, width in SIZES:
            found = references.outputs(theirs, noise(height, width))
            recorded |= {f"{row}/{height}x{width}/{name}": found[name] for name in NAMES}
    np.savez_compressed(TESTS / "weights" / "ustc_dfine.npz", **recorded)


if __name__ == "__main__":
    main()
