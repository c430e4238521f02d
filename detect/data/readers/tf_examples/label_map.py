"""Label maps of the TensorFlow Object Detection API: the names of classes by number, in a `.pbtxt`.

A label map is a `StringIntLabelMap` in protobuf's text format: `item { id: 1 name: 'cat' display_name: "Cat" }`, with
comments from `#` on, `<` and `>` in place of braces, and strings that go on in further quotation marks. Source: the
text format specification of protobuf.dev, and `string_int_label_map.proto`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_text
from detect.errors import BadInput

_STRING = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
_TOKEN = re.compile(rf"(?P<left_out>[\s,;]+|#[^\n]*)|(?:(?:{_STRING})\s*)+|[\w.+-]+|[{{}}<>:]")
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_CONTROLS = {"n": 10, "r": 13, "t": 9}
_CLOSING = {"{": "}", "<": ">"}


class LabelMapItem(NamedTuple):
    """A class of a label map."""

    number: int
    name: str  # by which examples call it
    display_name: str  # for people; the name where it has none


def read_label_map(path: Path) -> list[LabelMapItem]:
    """Read a label map, ordered by number.

    Raises:
        BadInput: it is not a label map, or a number has two names.
    """
    items: dict[int, LabelMapItem] = {}
    tokens = _tokens(path)
    for line, name, value in _message(path, tokens, ""):
        if name == "item" and isinstance(value, list):
            item = _item({inner: text for _, inner, text in value}, f"{path}:{line}")
            if items.setdefault(item.number, item) != item:
                raise BadInput(f"{path}:{line}: id {item.number} is {items[item.number].name!r} and {item.name!r}.")
    if not items:
        raise BadInput(f"{path}: expected a label map, `item {{ id: 1 name: 'cat' }}`, found no item.")
    return [items[number] for number in sorted(items)]


def find_label_map(folders: Sequence[Path]) -> Path | None:
    """Return a label map in one of some folders, None where there is none.

    Raises:
        BadInput: there are several that differ.
    """
    paths = [path for folder in dict.fromkeys(folders) for path in Folder(folder).files_with((".pbtxt",))]
    maps = [path for path in paths if "label" in path.name.lower()] or paths
    for other in maps[1:]:
        if read_label_map(other) != read_label_map(maps[0]):
            raise BadInput(f"{maps[0]} and {other} name different classes. Keep the one that the examples follow.")
    return maps[0] if maps else None


def _item(content: dict[str, Any], where: str) -> LabelMapItem:
    number, name = str(content.get("id", "")), _text(content.get("name"))
    shown = _text(content.get("display_name")) or name
    if not re.fullmatch("[0-9]{1,9}", number) or not shown:
        raise BadInput(f"{where}: expected an item with `id`, a number, and `name`, found {content!r:.120}.")
    return LabelMapItem(int(number), name or shown, shown)


def _message(path: Path, tokens: Iterator[tuple[int, str]], closing: str) -> Iterator[tuple[int, str, Any]]:
    """Yield line, name and value of the fields of a message: a text as it stands, or a list of such fields."""
    line = 1
    for line, name in tokens:
        if name == closing:
            return
        _, value = next(tokens, (0, ""))
        if value == ":":
            _, value = next(tokens, (0, ""))
        if value == "" or not re.match("\\w", name) or (value not in _CLOSING and value in ":}>"):
            raise BadInput(f"{path}:{line}: expected a name and a value, found {name!r:.40} and {value!r:.40}.")
        yield line, name, list(_message(path, tokens, _CLOSING[value])) if value in _CLOSING else value
    if closing:
        raise BadInput(f"{path}:{line}: expected {closing!r}, found the end of the file.")


def _tokens(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the words, signs and strings of a file with their lines; strings that follow each other are one."""
    text, position, line = read_text(path), 0, 1
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise BadInput(f"{path}:{line}: expected protobuf's text format, found {text[position : position + 20]!r}.")
        if not match["left_out"]:
            yield line, match[0].rstrip()
        line += match[0].count("\n")
        position = match.end()


def _text(value: Any) -> str:
    """Return the text of a value: of strings the content, with escapes replaced."""
    if not isinstance(value, str) or value[:1] not in "\"'":
        return value if isinstance(value, str) else ""
    return "".join(_ESCAPE.sub(_character, string[1:-1]) for string in re.findall(_STRING, value, re.DOTALL)).strip()


def _character(escape: re.Match) -> str:
    octal, hexadecimal, letter = escape.groups()
    if letter:
        return chr(_CONTROLS[letter]) if letter in _CONTROLS else letter
    return chr(int(octal, 8) if octal else int(hexadecimal, 16))
