"""Random weights of transformer detectors, the same each time and wherever they are drawn."""

import numpy as np


def drawn_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return weights by the names of a state dictionary, but for constants."""
    random = np.random.RandomState(0)  # NumPy promises never to change its numbers
    state = {}
    for name, shape in shapes.items():
        if name.endswith((".up", ".reg_scale", ".num_points_scale", ".num_batches_tracked")):
            continue
        if name.endswith(("running_var", "lab.scale")):
            values = random.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            values = random.standard_normal(shape) * np.sqrt(1.5 / np.prod(shape[1:]))
        elif name.endswith(("weight", ".scale")):  # of normalisations
            values = random.uniform(0.5, 1, shape)
        else:
            values = random.standard_normal(shape) * 0.1
        state[name] = values.astype(np.float32)
    return state
