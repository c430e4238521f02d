"""The part of a network that is computed in int8, and the ranges of its values: the same for all formats."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

CALIBRATION = 128  # images of the training data that the ranges are found on
# Share of a tensor's values at each end that may lie outside its range, and are clipped. As ONNX in int8, trained on
# `write_shapes`, EfficientDet-D0 and YOLOX-micro lose 0.14 and 0.07 points of AP with this share, 0.98 and none with 0,
# 1.6 and 4.5 with 0.001.
OUTLIERS = 2e-5
# A product stays in float32 if its channels lose a larger share of their variance than this, by rounding its input and
# output. In the authors' YOLOX-Nano these are a few convolutions near the image, the same that cost the most if each is
# rounded alone and the error is measured behind the last layer.
MOST_LOST = 0.01
SAMPLED = 16  # calls that are enough to find what rounding costs channels
TAIL = 3  # last products with weights on each path to a prediction, which stay in float32

Node = TypeVar("Node", bound=Hashable)
T = TypeVar("T")


def trunk(
    products: Iterable[Node], inputs: Callable[[Node], Iterable[Node]], joins: Callable[[Node], bool]
) -> set[Node]:
    """Return the network without the last `TAIL` products before its predictions, where rounding costs the most.

    Args:
        products: convolutions and matrix products with weights.
        inputs: the nodes that a node takes values from.
        joins: whether a node is of a kind that connects products within a network: activation functions, sums,
            pooling. Decoding and suppression are not, so that their inputs count as predictions.
    Returns:
        The products of the trunk, and the nodes between them.
    """
    found = set(products)
    for _ in range(TAIL):
        found = _before({node for node in found if not joins(node)}, inputs, joins)
    return found


def _before(products: set[Node], inputs: Callable[[Node], Iterable[Node]], joins: Callable[[Node], bool]) -> set[Node]:
    """Return the nodes that lead to one of the products: other products, and what connects them."""
    found, waiting = set[Node](), list(products)
    while waiting:
        for node in inputs(waiting.pop()):
            if node in found:
                continue
            if node in products:
                found.add(node)
            elif joins(node):
                found.add(node)
                waiting.append(node)
    return found


def ranges_of(calls: Iterable[Mapping[str, np.ndarray]], count: int) -> dict[str, tuple[float, float]]:
    """Return the minimum and maximum of each tensor without `OUTLIERS` at each end; a range always includes zero.

    Args:
        calls: the tensors by name, float32 of any shape, one dictionary per call.
        count: number of calls.
    """
    ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    nothing = np.zeros((0, 1), np.float32)
    for tensors in calls:
        for name, values in tensors.items():
            most, column = most_kept(count * values.size), values.reshape(-1, 1)
            low, high = ends.get(name, (nothing, nothing))
            ends[name] = largest(low, -column, most), largest(high, column, most)
    return {name: (min(0.0, -float(low.min())), max(0.0, float(high.min()))) for name, (low, high) in ends.items()}


def most_kept(values: int, outliers: float = OUTLIERS) -> int:
    """Return of how many of the largest ones the least is the end of a range of so many values."""
    return 1 + int(outliers * values)


def largest(known: np.ndarray, values: np.ndarray, most: int) -> np.ndarray:
    """Return the `most` largest values of each column, in any order.

    Args:
        known: [k, C], k at most `most`.
        values: further ones, [n, C].
        most: how many to return.
    """
    if len(known) == most:
        values = values[(values > known.min(0)).any(1)]
    both = np.concatenate([known, values])
    return np.partition(both, -most, axis=0)[-most:] if len(both) > most else both


def sample_of(calls: Sequence[T]) -> Sequence[T]:
    """Return `SAMPLED` of the calls or images from all over them, or all."""
    return calls[:: -(-len(calls) // SAMPLED)]


def lost_by_rounding(
    calls: Iterable[Mapping[str, np.ndarray]], ranges: Mapping[str, tuple[float, float]], axis: int
) -> dict[str, float]:
    """Return the share of their variance that the channels of each tensor lose in int8, at most 1, in the mean.

    Args:
        calls: the tensors by name, float32 with channels along `axis`, one dictionary per call.
        ranges: of the tensors by name, which have 255 steps.
        axis: of the channels.
    """
    shares: dict[str, list[float]] = {}
    for tensors in calls:
        for name, values in tensors.items():
            low, high = ranges[name]
            step = (high - low) / 255 or 1.0
            rounded = np.clip(np.round((values - low) / step), 0, 255) * step + low
            others = tuple(place for place in range(values.ndim) if place != axis % values.ndim)
            error, variance = np.square(values - rounded).mean(others), values.var(others)
            share = np.divide(error, variance, out=np.ones_like(error), where=error < variance)
            shares.setdefault(name, []).append(float(share[variance > 0].mean()) if variance.any() else 0.0)
    return {name: float(np.mean(each)) for name, each in shares.items()}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppress the progress bars, tables and warnings of quantisers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        ignored = io.StringIO()
        with contextlib.redirect_stdout(ignored), contextlib.redirect_stderr(ignored), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
