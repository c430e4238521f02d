"""Apply a user's own albumentations transform to one `Example` at a time.

It is given as a Python object (a Compose, with or without `bbox_params`, or a single transform) or as the path of a
file written by `albumentations.save`. Whatever box format it was written for, it receives pixels `x1, y1, x2, y2` here.
"""

import copy
import threading
import warnings
from pathlib import Path

import numpy as np

from detect.errors import BadInput, RunFailure
from detect.structures import Example
from detect.terminal import shortened

SURVIVAL_RULES = ("min_area", "min_visibility", "min_width", "min_height", "max_accept_ratio")
_LONGEST_REASON = 300  # characters of an error of albumentations


def load_transform(path: str | Path):
    """Load the transform from a YAML or JSON file (`albumentations.save(transform, path, data_format="yaml")`)."""
    import albumentations  # here and not above: it takes a second to import, and few runs need it

    kind = "json" if Path(path).suffix.lower() == ".json" else "yaml"
    try:
        return albumentations.load(path, data_format=kind)
    except OSError as error:
        raise BadInput(f"{path}: the augmentation cannot be read: {error.strerror}.") from None
    except Exception as error:  # of YAML, of JSON, and of the constructors of transforms
        reason = shortened(" ".join(str(error).split()), _LONGEST_REASON)
        raise BadInput(
            f"{path}: expected a transform written by albumentations.save as {kind.upper()}; "
            f"reading it failed: {type(error).__name__}: {reason}"
        ) from error


class UserTransform:
    """Calls an albumentations transform from several threads or processes, with reproducible results.

    A Compose holds its random state, so each thread has its own copy, reseeded for every example.
    """

    def __init__(self, transform):
        self._compose = _with_boxes_in_pixels(transform)
        self._copies = threading.local()

    def __getstate__(self):
        return self._compose

    def __setstate__(self, compose):
        self._compose, self._copies = compose, threading.local()

    def __call__(self, example: Example, rng: np.random.Generator, where="") -> Example:
        """Return the transformed example; `where` names its image in errors."""
        compose = self._copy()
        compose.set_random_seed(int(rng.integers(2**31)))
        # A copy, since the image may be cached for the next epoch and a transform may write into its input.
        arguments = {"image": example.image.copy(), "bboxes": example.boxes, "rows": np.arange(len(example.boxes))}
        try:
            result = compose(**arguments)
        except Exception as error:  # a user's code may raise anything, and only here the image is known
            cause = f"{type(error).__name__}: {error}"
            raise RunFailure(f"{where}: your augmentation failed on this image: {cause}") from error
        _check(result["image"], where)
        rows = np.asarray(result["rows"]).astype(int)
        boxes = np.asarray(result["bboxes"], np.float32).reshape(-1, 4)
        image, labels, ignore = np.ascontiguousarray(result["image"]), example.labels[rows], example.ignore[rows]
        return Example(image, boxes, labels, ignore, example.looked_for)

    def _copy(self):
        if not hasattr(self._copies, "compose"):
            self._copies.compose = copy.deepcopy(self._compose)
        return self._copies.compose


def _with_boxes_in_pixels(transform):
    """Return a Compose of the same transforms, with the same rules about which boxes are kept, that takes our boxes."""
    import albumentations

    if not isinstance(transform, albumentations.BaseCompose | albumentations.BasicTransform):
        raise BadInput(f"An augmentation must be an albumentations transform, got {type(transform).__name__}.")
    transforms, probability, survival = [transform], 1.0, {}
    if isinstance(transform, albumentations.Compose):
        transforms, probability = transform.transforms, transform.p
        if "bboxes" in transform.processors:
            survival = {name: getattr(transform.processors["bboxes"].params, name) for name in SURVIVAL_RULES}
    boxes = albumentations.BboxParams("pascal_voc", ["rows"], clip=True, filter_invalid_bboxes=True, **survival)
    with warnings.catch_warnings():
        # A transform of colours leaves boxes as they are, which is not a reason for a warning.
        warnings.filterwarnings("ignore", "Got processor for bboxes, but no transform to process it")
        return albumentations.Compose(copy.deepcopy(transforms), bbox_params=boxes, p=probability)


def _check(image, where) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        form = f"{getattr(image, 'dtype', type(image).__name__)} {getattr(image, 'shape', '')}"
        raise BadInput(
            f"{where}: your augmentation must return a uint8 image [H, W, 3], it returned {form}. "
            "Leave out normalisation and conversion to tensors: the model does both."
        )
