"""Random predictions of detectors with queries, for which the losses of the authors' code are recorded."""

import numpy as np

SIZE = 64, 96  # height and width of the images, pixels
CLASSES, QUERIES, LAYERS = 5, 24, 3
VALUES, SCALE = 9, 4.0  # of the distributions
PLACES = 16  # of denoising queries: two groups of four positive and four negative ones
LUCK = 10  # numbers for each of them

# The true boxes of three images, x1, y1, x2, y2 in pixels, and their classes.
BOXES = ([[4, 6, 40, 30], [30, 20, 90, 60], [50, 2, 70, 22], [8, 40, 28, 62]], [], [[10, 10, 80, 50], [60, 30, 90, 63]])
LABELS = ([1, 0, 4, 2], [], [3, 1])


def draw() -> dict[str, np.ndarray]:
    """Draw the predictions of a decoder, with those of its first layer before refinement, and of an encoder.

    The last `PLACES` of the queries of `logits`, `boxes`, `corners` and `references` are for denoising.
    """
    random = np.random.RandomState(0)
    queries = QUERIES + PLACES
    drawn = {
        "logits": random.normal(-1, 2, (LAYERS + 1, 3, queries, CLASSES)),
        "boxes": boxes(random, LAYERS + 1, 3, queries),
        "corners": random.normal(0, 2, (LAYERS, 3, queries, 4 * VALUES)),
        "references": boxes(random, 3, queries),
        "proposed_logits": random.normal(-1, 2, (3, QUERIES, CLASSES)),
        "proposed_boxes": boxes(random, 3, QUERIES),
        "luck": random.uniform(0, 1, (3, PLACES, LUCK)),
    }
    return {name: np.float32(values) for name, values in drawn.items()}


def boxes(random, *shape) -> np.ndarray:
    """Draw relative boxes [..., 4]."""
    return np.concatenate([random.uniform(0.2, 0.8, (*shape, 2)), random.uniform(0.1, 0.6, (*shape, 2))], axis=-1)
