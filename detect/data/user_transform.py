"""A user's own albumentations transform, applied to one `Example` at a time.

It comes as a Python object (a Compose, with or without `bbox_params`, or a single transform) or as the path of a file
written by `albumentations.save`. Whatever box format it was written for, here it receives pixels `x1, y1, x2, y2`.
"""

import copy
import json
import threading
from pathlib import Path

import numpy as np
import yaml

from detect.errors import BadInput, RunFailure
from detect.structures import Example


def load_transform(path: str | Path):
    """The transform in a YAML or JSON file (`albumentations.save(transform, path, data_format="yaml")`)."""
    import albumentations  # here and not above: it takes a second to import, and few runs need it

    kind = "json" if Path(path).suffix.lower() == ".json" else "yaml"
    try:
        return albumentations.load(path, data_format=kind)
    except OSError as error:
        raise BadInput(f"{path}: the augmentation cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, json.JSONDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: expected a transform written by albumentations.save as {kind.upper()}; "
            f"reading it failed: {type(error).__name__}: {error}."
        ) from error


class UserTransform:
    """Calls an albumentations transform repeatably from several threads.

    A Compose holds its random state, so each thread has its own copy, reseeded for every example.
    """

    def __init__(self, transform):
        self._compose = _with_boxes_in_pixels(transform)
        self._copies = threading.local()

    def __call__(self, example: Example, rng: np.random.Generator, where="") -> Example:
        """The transformed example; `where` names its image in errors."""
        compose = self._copy()
        compose.set_random_seed(int(rng.integers(2**31)))
        rows = np.arange(len(example.boxes))
        try:
            # A copy, since the picture may be kept for the next epoch and a transform may write into its input.
            result = compose(image=example.image.copy(), bboxes=example.boxes, rows=rows)
        except Exception as error:  # anything may come out of a user's code; only here is the image known
            raise RunFailure(f"{where}: the augmentation of this image failed: {type(error).__name__}: {error}") from error
        _check(result["image"], where)
        rows = np.asarray(result["rows"]).astype(int)
        boxes = np.asarray(result["bboxes"], np.float32).reshape(-1, 4)
        return Example(np.ascontiguousarray(result["image"]), boxes, example.labels[rows], example.ignore[rows])

    def _copy(self):
        if not hasattr(self._copies, "compose"):
            self._copies.compose = copy.deepcopy(self._compose)
        return self._copies.compose


def _with_boxes_in_pixels(transform):
    """A Compose of the same transforms, with the same rules about which boxes survive, that takes our boxes."""
    import albumentations

    if not isinstance(transform, albumentations.BaseCompose | albumentations.BasicTransform):
        raise BadInput(f"An augmentation must be an albumentations transform, got {type(transform).__name__}.")
    survival = {}
    if isinstance(transform, albumentations.Compose):
        if "bboxes" in transform.processors:
            theirs = transform.processors["bboxes"].params
            survival = {key: getattr(theirs, key) for key in ("min_area", "min_visibility", "min_width", "min_height")}
        transform = albumentations.Compose(copy.deepcopy(transform.transforms), p=transform.p)
    boxes = albumentations.BboxParams("pascal_voc", ["rows"], clip=True, filter_invalid_bboxes=True, **survival)
    inner = transform if isinstance(transform, list) else [transform]
    return albumentations.Compose(inner, bbox_params=boxes)


def _check(image, where) -> None:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        form = f"{getattr(image, 'dtype', type(image).__name__)} {getattr(image, 'shape', '')}"
        raise BadInput(
            f"{where}: the augmentation must return a uint8 picture [H, W, 3], it returned {form}. "
            "Leave out normalisation and conversion to tensors: the model does both."
        )
