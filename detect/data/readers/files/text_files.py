"""Text and YAML files, and what is said of those that cannot be read."""

from pathlib import Path
from typing import Any

import yaml

from detect.data.readers.files.text_encodings import decode
from detect.data.regular_files import open_regular
from detect.errors import BadInput

# Of libyaml, where PyYAML comes with it: it is eight times as fast.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_MOST_VALUES = 1_000_000  # in a YAML file, with its aliases replaced by what they stand for


class _TextLoader(_Loader):
    """Loads all values as text, as they are written, and no name twice.

    A class may be called "no", "007", "null" or "2024-01-01", which YAML takes for other things.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        content = super().construct_mapping(node, deep)
        if len(content) < len(node.value):
            stated_twice = "a name is stated twice in a mapping"
            raise yaml.MarkedYAMLError(problem=stated_twice, problem_mark=node.start_mark)
        return content


def read_bytes(path: str | Path) -> bytes:
    """Read a file; OSError where that is not possible, or where it has no end, as a pipe or a device."""
    with open_regular(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Read a text file, without its byte order mark; BadInput where it is not one.

    It is UTF-8, or in an encoding that `decode` finds.
    """
    try:
        text, _ = decode(read_bytes(path))
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
    """Read the lines of a text file, stripped of white space and of the line ends of Windows."""
    return [line.strip() for line in read_text(path).splitlines()]


def read_names(path: Path) -> list[str]:
    """Read a file of class names, one a line; BadInput where a line before the last name is empty.

    Label files have the numbers of the lines, and programs do not agree on whether empty ones count.
    """
    names = read_lines(path)
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise BadInput(f"{path}:{names.index('') + 1}: expected the name of a class. Name it, or remove the line.")
    return names


def unquoted(text: str) -> str:
    """Return a text without the quotation marks around it, which some tools put around names with spaces."""
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; BadInput where it does not.

    Values are texts as written, lists and mappings. What is not stated is an empty text.
    """
    try:
        content = yaml.load(read_text(path), _TextLoader)
        values = _count(content, {})
    except BadInput:
        raise
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{path} is not YAML: {error.problem}{where}.") from None
    except Exception as error:  # for some texts, PyYAML raises whatever Python does
        raise BadInput(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        found = "nothing" if content in (None, "") else type(content).__name__
        raise BadInput(f"{path}: expected names and values, found {found}.")
    if values > _MOST_VALUES:
        raise BadInput(f"{path}: its aliases (*name) stand for too many values. Write the values out.")
    return content


def _count(value: Any, counts: dict[int, int]) -> int:
    """Return how many values are in `value`, counting what an alias stands for each time; `counts` is by identity."""
    if not isinstance(value, list | dict):
        return 1
    if id(value) not in counts:
        inner = value.values() if isinstance(value, dict) else value
        counts[id(value)] = 1 + sum(_count(item, counts) for item in inner)
    return counts[id(value)]
