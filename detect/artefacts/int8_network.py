"""Which part of a graph is computed in int8, and between which values: the same for every format."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

Calls = Sequence[dict[str, np.ndarray]]  # inputs by name, for one picture after the other

# Share of a tensor's values at each end that may lie outside of its range, and are cut off there. As ONNX in int8,
# EfficientDet-D0 and YOLOX-micro, trained on shapes, lose 0.14 and 0.07 points of AP with this; with all values inside
# 0.98 and none; with a share of 0.001 1.6 and 4.5.
OUTLIERS = 2e-5
TAIL = 3  # products with weights on each way to a prediction that count as its head

Node = TypeVar("Node", bound=Hashable)


def trunk(
    products: Iterable[Node], inputs: Callable[[Node], Iterable[Node]], joins: Callable[[Node], bool]
) -> set[Node]:
    """The network without the end of its heads, where rounding costs the most: `TAIL` products before the predictions.

    Args:
        products: convolutions and matrix products with weights.
        inputs: the nodes that a node takes values from.
        joins: whether a node is of a kind that networks have between their products: activations, sums, pooling.
            Decoding and suppression are not, so what comes before them counts as a prediction.
    Returns:
        The products, and the nodes between them.
    """
    found = set(products)
    for _ in range(TAIL):
        found = _before({node for node in found if not joins(node)}, inputs, joins)
    return found


def _before(products: set[Node], inputs: Callable[[Node], Iterable[Node]], joins: Callable[[Node], bool]) -> set[Node]:
    """The nodes that lead to one of the products: other ones among them, and what is between."""
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
    """Between which values each tensor lies, but for `OUTLIERS` at each end; zero included.

    Args:
        calls: the tensors by name, float32 of any shape, for one picture after the other.
        count: how many calls there are.
    """
    ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    nothing = np.zeros(0, np.float32)
    for tensors in calls:
        for name, values in tensors.items():
            most = 1 + int(OUTLIERS * count * values.size)
            low, high = ends.get(name, (nothing, nothing))
            ends[name] = _largest(low, -values, most), _largest(high, values, most)
    return {name: (min(0.0, -float(low.min())), max(0.0, float(high.min()))) for name, (low, high) in ends.items()}


def _largest(known: np.ndarray, values: np.ndarray, most: int) -> np.ndarray:
    """The `most` largest of the `known` ones, which are no more, and the `values`; in any order."""
    values = values[values > known.min()] if len(known) == most else values.ravel()
    both = np.concatenate([known, values])
    return np.partition(both, -most)[-most:] if len(both) > most else both


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without the bars, tables and hints of quantisers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        words = io.StringIO()
        with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
