"""A converted model, as a writer and the export doctor see it: products in lower precision that may stay in float32."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

Calls = Sequence[dict[str, np.ndarray]]  # inputs by name, one dictionary per call


class Product(NamedTuple):
    """A convolution or matrix product with constant weights."""

    weights: int  # how many
    channels: int  # of its output


class Values(NamedTuple):
    """The input and the output of a product in one call, float32."""

    input: np.ndarray
    output: np.ndarray


class Network(Protocol):
    """A converted model of one canvas."""

    @property
    def products(self) -> Mapping[str, Product]:
        """Products in lower precision unless they are kept in float32, by name, in the order in which they run.

        Empty where that cannot be chosen. The models of all canvases have the same names.
        """

    def write(self, path: Path, kept: Collection[str]) -> None:
        """Write the model.

        Args:
            path: the file or folder of the model.
            kept: names of products that stay in float32. Those that `products` does not have do so anyway.
        """

    def values(self, calls: Calls, kept: Collection[str] | None) -> Iterator[dict[str, Values]]:
        """Yield the values of all `products` for each call.

        Args:
            calls: inputs.
            kept: names of products that stay in float32; None: all of the model does.
        """
