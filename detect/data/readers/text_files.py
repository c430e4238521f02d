"""Text and YAML files, and what is said of those that cannot be read."""

from pathlib import Path
from typing import Any

import yaml

from detect.errors import BadInput

# libyaml's, where PyYAML comes with it: it is eight times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(path: Path) -> str:
    """Read a UTF-8 text file, without its byte order mark; BadInput where it is not one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8 text, byte {error.start} is not. Save it as UTF-8.") from None
    except ValueError as error:  # the path is not one: it has a null character
        raise BadInput(f"{str(path)!r}: cannot be read: {error}.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadInput(f"{path}:{line}: expected UTF-8 text, found a null character. Save it as UTF-8.")
    return text


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 text file, stripped of white space and of the line ends of Windows."""
    return [line.strip() for line in read_text(path).splitlines()]


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; BadInput where it does not."""
    try:
        content = yaml.load(read_text(path), _Loader)
    except BadInput:
        raise
    except Exception as error:  # for values such as 2024-13-45, PyYAML raises whatever Python does
        raise BadInput(f"{path} is not YAML: {error}.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: expected names and values, found {type(content).__name__}.")
    return content
