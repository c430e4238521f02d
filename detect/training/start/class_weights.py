"""Weights of the classes in the classification loss, from the settings. This does not need TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from detect.data.doctor.columns import boxes_by_class
from detect.data.records import Records
from detect.errors import BadInput, did_you_mean, listed

Given = Mapping[str, float] | Literal["balanced"]

PROTOTYPES = 1000  # N of the paper: boxes of a class after which another one adds little


def require_classes(given: Given, classes: Sequence[str]) -> None:
    """Raise `BadInput` where a weight is given for a class that the dataset does not have."""
    for name in () if given == "balanced" else given:
        if name not in classes:
            raise BadInput(f"class_weights: the dataset has no class {name!r}. {did_you_mean(name, classes)}")


def class_weights(given: Given, records: Records, classes: Sequence[str]) -> np.ndarray | None:
    """Return the weight of each class, float32 [K]; None where all are 1.

    Args:
        given: the setting.
        records: to train on.
        classes: their names, by label.

    Raises:
        BadInput: a weight is given for a class that the dataset does not have.
    """
    require_classes(given, classes)
    if given == "balanced":
        weights = balanced(boxes_by_class(records, len(classes)))
    else:
        weights = np.array([given.get(name, 1.0) for name in classes])
    return None if (weights == 1).all() else weights.astype(np.float32)


def balanced(boxes: np.ndarray) -> np.ndarray:
    """Return weights in inverse proportion to the effective number of boxes, float64 [K]; their mean is 1.

    The effective number of n boxes is (1 - b ** n) / (1 - b), with b = (N - 1) / N: of few it is nearly n, of many at
    most N (Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, arXiv 1901.05555, proposition 1
    and section 4). A class without boxes has the weight 1, and does not count in the mean.

    Args:
        boxes: number of each class, [K].
    """
    known = boxes > 0
    effective = PROTOTYPES * (1 - (1 - 1 / PROTOTYPES) ** boxes[known])
    weights = np.ones(len(boxes))
    weights[known] = (1 / effective) / (1 / effective).mean() if known.any() else 1.0
    return weights


def describe_weights(weights: np.ndarray, classes: Sequence[str]) -> str:
    """Return a line on weights [K] of classes, the highest first."""
    order = np.argsort(-weights, kind="stable").tolist()
    return f"Class weights: {listed([f'{classes[label]} {weights[label]:.3g}' for label in order])}."
