"""The detectors, one per file. A name is a module and a row of its table: `yolox-s` is row `s` of `yolox.py`."""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

from detect.config import build
from detect.errors import BadInput, did_you_mean

if TYPE_CHECKING:  # `detect.models.card` is read by programs that go without TensorFlow
    from detect.models.detector import Detector, Variant
    from detect.ops.compiling import Runtime


def names() -> list[str]:
    """Return the names of all models, module by module, in the order of their tables."""
    return [f"{name}-{row}" for name, module in _modules().items() for row in module.VARIANTS]


def variant(name: str) -> "Variant":
    """Return the row of a model; BadInput with the nearest known name where there is none."""
    return _find(name)[1]


def create(name: str, classes: int, *, runtime: "Runtime" = "local", **config_overrides: Any) -> "Detector":
    """Return a detector with random weights, all of them made.

    Args:
        name: one of `names()`.
        classes: K.
        runtime: what will run it.
        config_overrides: settings of the model's `Config` that replace those of the row.

    Raises:
        BadInput: there is no such model or setting, or no class.
    """
    import tensorflow as tf

    detector = without_weights(name, classes, runtime=runtime, **config_overrides)
    side = detector.smallest_side
    detector(tf.zeros([1, side, side, 3], tf.uint8))
    return detector


def without_weights(name: str, classes: int, *, runtime: "Runtime" = "local", **config_overrides: Any) -> "Detector":
    """Return a detector that makes its weights when it is first called. For arguments and errors see `create`."""
    module, row = _find(name)
    if classes < 1:
        raise BadInput(f"Model {name!r}: expected at least one class, got {classes}.")
    values = {**row.config.model_dump(), **config_overrides}
    config = build(type(row.config), values, f"settings of model {name!r}")
    return _detector_class(module)(config, classes, runtime=runtime)


def _modules() -> dict[str, ModuleType]:
    """Return the modules of this folder that have a table of variants, by name."""
    found = {name: importlib.import_module(f"{__name__}.{name}") for _, name, _ in pkgutil.iter_modules(__path__)}
    return {name: module for name, module in found.items() if hasattr(module, "VARIANTS")}


def _find(name: str) -> tuple[ModuleType, "Variant"]:
    stem, _, row = name.partition("-")
    module = _modules().get(stem)
    if module is None or row not in module.VARIANTS:
        raise BadInput(f"Unknown model {name!r}. {did_you_mean(name, names())}")
    return module, module.VARIANTS[row]


def _detector_class(module: ModuleType) -> type["Detector"]:
    from detect.models.detector import Detector

    own = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    (detector,) = (kind for kind in own if issubclass(kind, Detector))
    return detector
