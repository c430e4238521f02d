"""The description of an export format: the packages it takes, what it can store, and how many images a model takes."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from detect.errors import BadInput

if TYPE_CHECKING:  # a program that only lists the formats loads neither NumPy nor TensorFlow
    from detect.artefacts.artefact_backend import Run
    from detect.artefacts.job import Job
    from detect.artefacts.network import Network

Canvas = tuple[int, int]  # height and width of images, pixels
# bfloat16: weights in float16, and the computation in bfloat16 where the processor is fast in it. int8: weights and,
# within ranges calibrated on images, activations. int8-weights: weights only; the computation is in float32.
Precision = Literal["float32", "float16", "bfloat16", "int8", "int8-weights"]


@dataclass(frozen=True)
class Format:
    """An export format. Packages are given by a name that both `import` and `pip install` accept.

    Attributes:
        summary: what runs it and where, as a phrase for `--help` and the documentation.
        file: name of the model for images of a given `{height}` and `{width}`; without these, one model for all sizes.
        runs_with: packages that run a model.
        writes_with: packages that are needed in addition to write one.
        int8_with: packages that are needed in addition to write one in int8.
        precisions: those that it can be written in.
        mixed: those of them in which products may stay in float32, see `Network`.
        bfloat16_type: returns the type that exports in bfloat16 are computed in on this machine; None: there are none.
        batch: images per call: "any" number; a "fixed" number that is chosen at export, 1 by default; or "one".
        is_program: whether a model can do what any program can, such as writing files: one that this installation has
            not made is run only where its user trusts it.
    """

    summary: str
    file: str
    runs_with: tuple[str, ...]
    writes_with: tuple[str, ...] = ()
    int8_with: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("float32",)
    mixed: tuple[Precision, ...] = ()
    bfloat16_type: Callable[[], str] | None = None
    batch: Literal["any", "fixed", "one"] = "any"
    is_program: bool = False

    def path(self, folder: Path, canvas: Canvas) -> Path:
        """Return the model in an export's folder for images of this size."""
        height, width = canvas
        return folder / self.file.format(height=height, width=width)

    def computed_in(self, precision: Precision) -> str:
        """Return the type that an export is computed in on this machine; empty where it is the same on all."""
        return self.bfloat16_type() if self.bfloat16_type and precision == "bfloat16" else ""

    def packages(self, precision: Precision) -> tuple[str, ...]:
        """Return the packages that an export in this precision needs, which is also run."""
        return (*self.writes_with, *self.runs_with, *(self.int8_with if precision.startswith("int8") else ()))


class Reader(Protocol):
    """The module of a format that runs exported models. It may import `runs_with` and what prediction needs."""

    def open_file(self, path: Path) -> "Run":
        """Return a function that runs the model at `path`.

        Raises:
            BadInput: the runtime cannot read it.
        """


class Writer(Protocol):
    """The module of a format that exports models."""

    def write(self, job: "Job") -> None:
        """Write a model for each canvas of the job, with the detector's weights.

        Raises:
            RunFailure: the format cannot hold this detector.
        """

    def network(self, job: "Job", canvas: Canvas) -> "Network":
        """Return the converted model of one canvas; only in formats with `mixed` precisions.

        Raises:
            RunFailure: the format cannot hold this detector.
        """

    def label(self, job: "Job") -> None:
        """Add the job's `texts` to the written models, if the format has a place for them."""


def unusable(path: Path, runtime: str, error: Exception) -> BadInput:
    """Return the error for a file that `runtime` cannot run, with the end of what it says about that."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1].rstrip(" .")
    return BadInput(f"{path} cannot be run by {runtime}: {reason}. Copy it again, or export it again.")


def missing(packages: Iterable[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]
