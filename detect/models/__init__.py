"""The detectors, one per file. A name is a module and a row of its table: `yolox-s` is row `s` of `yolox.py`."""

import ast
import functools
import importlib
import inspect
import pkgutil
import re
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from detect.config import build
from detect.errors import BadInput, did_you_mean

if TYPE_CHECKING:  # `detect.models.card` is read by programs that go without TensorFlow
    from detect.models.detector import Detector, Variant
    from detect.ops.compiling import Runtime

# Names of models of Ultralytics and others, such as yolov8n, yolo11s.pt or yolov5_m; and how YOLOX calls their sizes.
_OTHER_YOLO = re.compile(r"yolo(?:v?\d+|x)?[-_]?([ntsmlx])(?:\.\w+)?", re.IGNORECASE)
_SIZES_OF_YOLOX = MappingProxyType({"n": "nano", "t": "tiny"})


def names() -> list[str]:
    """Return the names of all models, module by module, in the order of their tables. This does not need TensorFlow."""
    return [f"{name}-{row}" for name, rows in _rows().items() for row in rows]


def require_known(name: str) -> None:
    """Raise `BadInput` with the nearest known name where no model is called `name`. This does not need TensorFlow."""
    if name in names():
        return
    yolo = _OTHER_YOLO.fullmatch(name)
    if yolo:
        meant = f"yolox-{_SIZES_OF_YOLOX.get(yolo[1].lower(), yolo[1].lower())}"
        raise BadInput(
            f"Unknown model {name!r}. The YOLO here is YOLOX: did you mean {meant!r}? {did_you_mean('', names())}"
        )
    raise BadInput(f"Unknown model {name!r}. {did_you_mean(name, names())}")


def variant(name: str) -> "Variant":
    """Return the row of a model; BadInput with the nearest known name where there is none."""
    return _find(name)[1]


def side_limits(name: str) -> tuple[int, int]:
    """Return `size_divisor` and `smallest_side` of a model, see `Detector`. This does not need TensorFlow."""
    require_known(name)
    numbers = {**_numbers("detector"), **_numbers(name.partition("-")[0])}
    return numbers["size_divisor"], numbers["smallest_side"]


def setting_names(name: str) -> set[str]:
    """Return the names of the settings in the `Config` of a model. This does not need TensorFlow."""
    require_known(name)
    return {*_fields("detector"), *_fields(name.partition("-")[0])}


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


@functools.cache
def _rows() -> dict[str, list[str]]:
    """Return the names of the rows of each table VARIANTS in this folder, by module.

    They are read from the source, because importing a model imports TensorFlow, which takes seconds.
    """
    sources = {name: _source(name) for _, name, _ in pkgutil.iter_modules(__path__)}
    tables = {name: _table(source) for name, source in sources.items() if b"\nVARIANTS" in source}
    return {name: [ast.literal_eval(key) for key in table.keys if key] for name, table in tables.items()}


@functools.cache
def _numbers(module: str) -> dict[str, Any]:
    """Return the constants that the classes in a module assign, by name. They are read from the source."""
    assigned = [node for kind in _classes(module) for node in kind.body if isinstance(node, ast.Assign)]
    constants = [node for node in assigned if isinstance(node.value, ast.Constant)]
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in constants}


def _fields(module: str) -> set[str]:
    """Return the names that the classes of settings in a module annotate. They are read from the source."""
    bodies = [kind.body for kind in _classes(module) if kind.name.endswith("Config")]
    return {ast.unparse(node.target) for body in bodies for node in body if isinstance(node, ast.AnnAssign)}


def _classes(module: str) -> list[ast.ClassDef]:
    return [node for node in ast.parse(_source(module)).body if isinstance(node, ast.ClassDef)]


def _source(module: str) -> bytes:
    return pkgutil.get_data(__name__, f"{module}.py") or b""


def _table(source: bytes) -> ast.Dict:
    """Return the dictionary that a module assigns to VARIANTS."""
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign | ast.AnnAssign)]
    (table,) = (node.value for node in assigned if "VARIANTS" in ast.unparse(node).partition("=")[0])
    assert isinstance(table, ast.Dict)
    return table


def _find(name: str) -> tuple[ModuleType, "Variant"]:
    require_known(name)
    stem, _, row = name.partition("-")
    module = importlib.import_module(f"{__name__}.{stem}")
    return module, module.VARIANTS[row]


def _detector_class(module: ModuleType) -> type["Detector"]:
    from detect.models.detector import Detector

    own = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    (detector,) = (kind for kind in own if issubclass(kind, Detector))
    return detector
