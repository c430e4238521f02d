"""The weights of a detector by name, and those that belong to single classes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from detect.models.detector import Detector


class ClassLayer(NamedTuple):
    """The layout of a weight whose last axis depends on the number of classes K."""

    shape: tuple[int, ...]
    classes: int  # K
    each: int  # values of a class in the last axis
    grouped_by_class: bool  # see `Detector`

    def shape_for(self, classes: int) -> tuple[int, ...]:
        """Return the shape with another number of classes."""
        return (*self.shape[:-1], self.shape[-1] + self.each * (classes - self.classes))

    def with_kept(self, weight: np.ndarray, earlier: np.ndarray, labels: Sequence[int]) -> np.ndarray:
        """Return `weight` with the values of classes, and of the background, from a detector with fewer classes.

        Args:
            weight: of the detector, of this shape.
            earlier: the same weight of the other detector.
            labels: the labels in the detector of the classes of the other one, in their order.
        """
        groups = (-1, self.each) if self.grouped_by_class else (self.each, -1)
        new, old = (array.reshape(*array.shape[:-1], *groups) for array in (weight.copy(), earlier))
        if self.grouped_by_class:
            new[..., list(labels), :] = old
        else:
            new[..., [*labels, *range(self.classes, new.shape[-1])]] = old  # the background too
        return new.reshape(weight.shape)


def class_layers(detector: Detector) -> dict[str, ClassLayer]:
    """Return the layout of the weights that belong to single classes: their shape depends on the number of classes.

    A second detector, with one class more, tells which they are: the shapes of other weights cannot, since they may be
    of other classes in the same number, or of another architecture.
    """
    larger = by_name(detector.like(classes=detector.classes + 1))
    return {
        name: ClassLayer(
            shape=tuple(weight.shape),
            classes=detector.classes,
            each=larger[name].shape[-1] - weight.shape[-1],
            grouped_by_class=name.split("/")[-2] in detector.grouped_by_class,
        )
        for name, weight in by_name(detector).items()
        if weight.shape != larger[name].shape
    }


def by_name(detector: Detector) -> dict[str, Any]:
    """Return the weights of a detector by names that are the same for every detector of its class.

    They are paths without the name of the detector, which depends on what was created before. So do all names within a
    network of Keras that was made on its own: there it is the position among all weights.
    """
    prefix = f"{detector.name}/"
    named = {}
    for position, weight in enumerate(detector.weights):
        path = weight.path
        inner = path.startswith(prefix)
        named[path.removeprefix(prefix) if inner else f"{position}/{path.rpartition('/')[2]}"] = weight
    return named
