"""Services that show the numbers of a run, each in one file of this package, which gives it its name.

The module of a service has `PACKAGES`, what it imports and the names under which that is installed; `HINT`, what a user
may have forgotten; and `start`, a `Start`. Importing the module must not import the packages.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from detect.errors import BadInput, did_you_mean

PROJECT = "detect"  # what the runs belong to on a service, where its own environment variable names no other


@dataclass(frozen=True)
class Described:
    """The facts about a run that a service gets.

    Attributes:
        name: of the run folder.
        folder: the run folder, for what a service that is offline writes.
        settings: all of them by name, such as `optimizer.learning_rate`.
        earlier: name of the run on the service, where it goes on after an interruption; None where it begins.
    """

    name: str
    folder: Path
    settings: Mapping[str, Any]
    earlier: str | None


class Logger(Protocol):
    """A run on a service."""

    @property
    def id(self) -> str:
        """The name of the run on the service."""

    def log(self, values: Mapping[str, float], step: int, epoch: float) -> None:
        """Add numbers.

        Args:
            values: by name, such as `train/loss` or `val/AP`.
            step: number of updates of the weights.
            epoch: passes over the training images.
        """

    def log_image(self, path: Path) -> None:
        """Add an image file."""

    def close(self, completed: bool) -> None:
        """Send what is not sent yet.

        Args:
            completed: whether training came to its end.
        """


class Start(Protocol):
    """The function `start` of a service."""

    def __call__(self, run: Described) -> Logger:
        """Begin the run on the service, or go on with it. Raises what the service's package raises."""


def names() -> list[str]:
    """Return the names of all services, in alphabetical order."""
    return sorted(name for _, name, _ in pkgutil.iter_modules(__path__))


def require_usable(chosen: tuple[str, ...]) -> None:
    """Raise `BadInput` where there is no service of a name, or its package is not installed."""
    for name in chosen:
        if name not in names():
            raise BadInput(f"loggers: unknown service {name!r}. {did_you_mean(name, names())}")
        for imported, installed in _module(name).PACKAGES.items():
            if importlib.util.find_spec(imported) is None:
                raise BadInput(f"loggers: {name} needs a package. Run: pip install {installed}")


def start(name: str, run: Described) -> Logger:
    """Begin a run on a service, or go on with it.

    Raises:
        BadInput: the service cannot be reached, or does not know the user.
    """
    module = _module(name)
    begin: Start = module.start
    try:
        return begin(run)
    except Exception as error:  # of which kind depends on the package
        raise BadInput(f"loggers: {name} cannot begin the run: {_first_line(error)}. {module.HINT}.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(" .")


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
