"""Models of the user's own: a class in a file of Python, named as `path/to/mine.py:Mine`.

A saved model has a copy of the file beside its weights. Opening a folder must not run code that nobody has looked at,
so the copy is run only if a file with this content has been named on this machine before: to train it, or to trust it.
This module does not need TensorFlow.
"""

import ast
import hashlib
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from detect.errors import BadInput, did_you_mean
from detect.files import write_bytes
from detect.models.trusted_code import is_trusted, trust

if TYPE_CHECKING:
    from detect.models.detector import Detector

_NAME = re.compile(r"(?P<file>.+\.py):(?P<kind>\w*)")
_SOURCE = "__source_bytes__"  # of a module: the content of its file when it was run


def is_own(name: str) -> bool:
    """Return whether a name is that of a class in a file."""
    return _NAME.fullmatch(name) is not None


def parts(name: str) -> tuple[Path, str]:
    """Return the file and the class in the name of a model."""
    found = _NAME.fullmatch(name)
    assert found
    return Path(found["file"]), found["kind"]


def short_name(name: str) -> str:
    """Return the name without the folder of its file, as cards have it: `mine.py:Mine`; any other name as it is."""
    file, kind = parts(name) if is_own(name) else (None, "")
    return f"{file.name}:{kind}" if file else name


def label(name: str) -> str:
    """Return what runs of a model are called: the name of its class; any other name as it is."""
    return parts(name)[1] if is_own(name) else name


def in_folder(name: str, folder: Path) -> str:
    """Return the name in a card as that of the copy in the folder of the card; any other name as it is."""
    return f"{folder / short_name(name)}" if is_own(name) else name


def located(name: str) -> str:
    """Return the name with the absolute path of its file, the same however it is typed; any other name as it is."""
    if not is_own(name):
        return name
    file, kind = parts(name)
    return f"{file.resolve()}:{kind}"


def require_class(name: str) -> None:
    """Raise `BadInput` unless the file exists and defines the class. It is not run."""
    file, kind = parts(name)
    try:
        statements = ast.parse(_read(file), str(file)).body
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"{file} is not Python: {error}.") from None
    known = [node.name for node in statements if isinstance(node, ast.ClassDef)]
    if kind not in known:
        raise BadInput(f"{file} has no class {kind!r}. {did_you_mean(kind, known)}".rstrip())


def load_class(name: str) -> "type[Detector]":
    """Return the class that the user has named; its file is run, and trusted from now on.

    Raises:
        BadInput: there is no such class, running the file fails, or the class is not a complete detector.
    """
    from detect.models.detector import Detector, Variant

    require_class(name)
    file, kind = parts(name)
    module = _run(file)
    found = getattr(module, kind)
    if not (isinstance(found, type) and issubclass(found, Detector)):
        raise BadInput(f"{name} is not a detector. Derive it from one, such as detect.models.retinanet.RetinaNet.")
    if not isinstance(getattr(found, "variant", None), Variant):
        raise BadInput(
            f"{name} has no `variant`: its settings and image size, as in Variant(Config(), image_size=320)."
        )
    trust(_digest(getattr(module, _SOURCE)))
    return found


def require_trusted(name: str) -> None:
    """Raise `BadInput` where a file with this content has not been named on this machine."""
    file, _ = parts(name)
    content = _read(file)
    if not is_trusted(_digest(content)):
        raise BadInput(
            f"{file} is code that has not been used on this machine, and opening a folder runs only code that has. "
            f"Look at it; if you trust it, name it once: detect models {name}"
        )


def name_of(kind: "type[Detector]") -> str:
    """Return the name of a class; without a file where it is not defined in one, as in a notebook."""
    file = _file_of(kind)
    return f"{file}:{kind.__name__}" if file else kind.__name__


def require_file(kind: "type[Detector]") -> None:
    """Raise `BadInput` where a class is not defined in a file, which its saved models need."""
    if _file_of(kind) is None:
        raise BadInput(f"{kind.__name__} is not defined in a file, which its saved models need. Move it to one.")


def place_of(error: BaseException) -> str:
    """Return file and line in a user's file that were run last when an error was raised; empty where none was."""
    files = {module.__file__ for module in list(sys.modules.values()) if hasattr(module, _SOURCE)}
    places = [f"{frame.filename}:{frame.lineno}" for frame in _frames(error) if frame.filename in files]
    return places[-1] if places else ""


def changed_since(name: str, folder: Path) -> str:
    """Return how the file of a model differs from its copy in a folder; empty where they are the same."""
    if not is_own(name):
        return ""
    file, _ = parts(name)
    copy = folder / file.name
    return f"{file} differs from its copy {copy}" if copy.exists() and _read(copy) != _read(file) else ""


def write_copy(kind: "type[Detector]", folder: Path) -> None:
    """Write the file of a class to the folder of a model, as it was when it was run, and trust it."""
    file, _ = parts(name_of(kind))
    content = getattr(sys.modules[kind.__module__], _SOURCE, None) or _read(file)
    write_bytes(folder / file.name, content)
    trust(_digest(content))


def _run(file: Path) -> ModuleType:
    """Return the module that running the file makes; the same one as long as the file has not changed."""
    content = _read(file)
    name = _module_name(file, content)
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(file)
    setattr(module, _SOURCE, content)
    sys.modules[name] = module
    try:
        exec(compile(content, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        del sys.modules[name]
        lines = [frame.lineno for frame in _frames(error) if frame.filename == str(file)]
        where = f"{file}:{lines[-1]}" if lines else str(file)
        raise BadInput(
            f"{where}: {type(error).__name__}: {error}. A model is one file, which imports installed packages only."
        ) from error
    return module


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _file_of(kind: "type[Detector]") -> str | None:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file if file and file.endswith(".py") else None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror} (in {Path.cwd()}). Check the path.") from None


def _module_name(file: Path, content: bytes) -> str:
    return f"{file.stem}_{_digest(content)[:16]}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
