"""The detectors, one per file. A name is a module and a row of its table: `yolox-s` is row `s` of `yolox.py`.

The name of a class in a file of the user's is `path/to/mine.py:Mine`, see `own_files`.
"""

import importlib
import inspect
import pkgutil
import re
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from detect.config import build
from detect.errors import BadInput, did_you_mean
from detect.models import declarations, own_files

if TYPE_CHECKING:  # `detect.models.card` is read by programs that go without TensorFlow
    from detect.models.detector import Detector, Variant
    from detect.ops.compiling import Runtime

# Names of models of Ultralytics and others, such as yolov8n, yolo11s.pt or yolov5_m; and how YOLOX calls their sizes.
_OTHER_YOLO = re.compile(r"yolo(?:v?\d+|x)?[-_]?([ntsmlx])(?:\.\w+)?", re.IGNORECASE)
_SIZES_OF_YOLOX = MappingProxyType({"n": "nano", "t": "tiny"})


def names() -> list[str]:
    """Return the names of all models, module by module, in the order of their tables. This does not need TensorFlow."""
    return [f"{module}-{row}" for _, module, _ in pkgutil.iter_modules(__path__) for row in declarations.rows(module)]


def require_known(name: str) -> None:
    """Raise `BadInput` with the nearest known name where no model is called `name`. This does not need TensorFlow."""
    if own_files.is_own(name):
        own_files.require_class(name)
    elif name not in names():
        raise BadInput(f"Unknown model {name!r}. {_advice(name)} `detect models` lists all models.")


def _advice(name: str) -> str:
    yolo = _OTHER_YOLO.fullmatch(name)
    if yolo:
        meant = f"yolox-{_SIZES_OF_YOLOX.get(yolo[1].lower(), yolo[1].lower())}"
        return f"The YOLO here is YOLOX: did you mean {meant!r}?"
    return did_you_mean(name, names())


def variant(name: str) -> "Variant":
    """Return the row of a model; BadInput with the nearest known name where there is none."""
    return _find(name)[1]


def name_of(detector: "Detector") -> str:
    """Return the name of the model that a detector is: of the rows of its class, the one with most of its settings.

    Of a class that is not one of this package, it is that of `own_files.name_of`.
    """
    kind, settings = type(detector), detector.config.model_dump()
    if not kind.__module__.startswith(f"{__name__}."):
        return own_files.name_of(kind)
    module = importlib.import_module(kind.__module__)
    same = {
        row: sum(value == settings[name] for name, value in variant.config.model_dump().items())
        for row, variant in module.VARIANTS.items()
    }
    return f"{module.__name__.rpartition('.')[2]}-{max(same, key=same.__getitem__)}"


def side_limits(name: str) -> tuple[int, int]:
    """Return `size_divisor` and `smallest_side` of a model, see `Detector`.

    This does not need TensorFlow, but for a model of the user's own.
    """
    if own_files.is_own(name):
        kind, _ = _find(name)
        return kind.size_divisor, kind.smallest_side
    require_known(name)
    numbers = {**declarations.constants("detector"), **declarations.constants(_module_name(name))}
    return numbers["size_divisor"], numbers["smallest_side"]


def setting_types(name: str) -> dict[str, Any]:
    """Return the types of the settings in the `Config` of a model, by name.

    This does not need TensorFlow, but for a model of the user's own.
    """
    if own_files.is_own(name):
        return {field: info.annotation for field, info in type(variant(name).config).model_fields.items()}
    require_known(name)
    return {**declarations.setting_types("detector"), **declarations.setting_types(_module_name(name))}


def create(name: str, classes: int, *, runtime: "Runtime" = "local", **config_overrides: Any) -> "Detector":
    """Return a detector with random weights, all of them made.

    Args:
        name: one of `names()`, or of a class in a file, `path/to/mine.py:Mine`.
        classes: K.
        runtime: what will run it.
        config_overrides: settings of the model's `Config` that replace those of the row.

    Raises:
        BadInput: there is no such model or setting, or no class.
    """
    from detect.models.detector import with_random_weights

    return with_random_weights(without_weights(name, classes, runtime=runtime, **config_overrides))


def without_weights(name: str, classes: int, *, runtime: "Runtime" = "local", **config_overrides: Any) -> "Detector":
    """Return a detector that makes its weights when it is first called. For arguments and errors see `create`."""
    kind, row = _find(name)
    if classes < 1:
        raise BadInput(f"Model {name!r}: expected at least one class, got {classes}.")
    values = {**row.config.model_dump(), **config_overrides}
    config = build(type(row.config), values, f"settings of model {name!r}")
    return kind(config, classes, runtime=runtime)


def _module_name(name: str) -> str:
    return name.partition("-")[0]


def _find(name: str) -> tuple[type["Detector"], "Variant"]:
    if own_files.is_own(name):
        kind = own_files.load_class(name)
        assert kind.variant is not None
        return kind, kind.variant
    require_known(name)
    stem, _, row = name.partition("-")
    module = importlib.import_module(f"{__name__}.{stem}")
    return _detector_class(module), module.VARIANTS[row]


def _detector_class(module: ModuleType) -> type["Detector"]:
    from detect.models.detector import Detector

    own = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    (detector,) = (kind for kind in own if issubclass(kind, Detector))
    return detector
