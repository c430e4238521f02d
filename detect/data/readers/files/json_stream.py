"""Read a JSON file of any size member by member, with one block of it in memory at a time.

Python's `json.loads` makes objects of everything at once, some twenty times the size of the file. Here the file is
read in blocks, and `json`'s own decoder takes one element after the other from them, or many small ones at once.
"""

import codecs
import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from detect.data.readers.files.text_files import read_bytes
from detect.data.regular_files import open_regular
from detect.errors import BadInput

BLOCK = 1024 * 1024  # bytes
_MANY = 16 * 1024  # characters of objects that are decoded at once
_FIRST_MEMBERS = 50  # more than any format has before the ones that tell it
_LONGEST_ELEMENT = 64 * BLOCK  # characters of an element of a list, such as an annotation with its polygons
_LONGEST_WORD = 16  # characters that tell every word of JSON, except strings, from one that the end of a block has cut
_SPACE = re.compile(r"[ \t\n\r]*")
_BETWEEN_OBJECTS = re.compile(r"(?<=\})[ \t\n\r]*,[ \t\n\r]*(?=\{)")
_decode = json.JSONDecoder().raw_decode


def read_members(path: Path, block: int = BLOCK) -> Iterator[tuple[str | None, Any]]:
    """Yield name and value of each member of the object in a JSON file, in their order there.

    A list comes as an iterator of its elements; those not taken before the next member are skipped. A file that
    does not hold an object gives one member, whose name is None.

    Args:
        path: the file; its encoding is found as `json.loads` does.
        block: bytes read at a time.

    Raises:
        BadInput: the file cannot be read, or is not JSON, with line and column; raised when reading gets there.
    """
    try:
        with open_regular(path) as file:
            yield from _members(_Text(file, path, block), path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:  # the path is not one: it has a null character
        raise BadInput(f"{str(path)!r}: cannot be read: {error}.") from None


def first_members(path: Path) -> Iterator[tuple[str | None, Any]]:
    """Yield the first members of the object in a JSON file, by which its format is recognised, as `read_members` does.

    Other formats have a member for each image: for each format that is tried, all of the file would be read.
    """
    return islice(read_members(path), _FIRST_MEMBERS)


def first_element(path: Path) -> Any:
    """Return the first element of the list in a JSON file; None where the file does not hold a list, or an empty one.

    Raises:
        BadInput: the file cannot be read, or is not JSON.
    """
    members = read_members(path)  # which has the file open as long as it is kept
    name, value = next(members, (None, None))
    return next(value, None) if name is None and isinstance(value, Iterator) else None


def read_elements(path: Path, expected: str) -> Iterator[Any]:
    """Yield the elements of the list in a JSON file.

    Args:
        path: the file.
        expected: what the file should hold, in words.

    Raises:
        BadInput: the file cannot be read, is not JSON, or does not hold a list; raised when reading gets there.
    """
    for name, value in read_members(path):
        if name is None and isinstance(value, Iterator):
            yield from value
            return
    raise BadInput(f"{path}: expected {expected}.")


def read_whole(path: Path) -> dict[str, Any]:
    """Return the members of the object in a JSON file, all at once; empty where it holds something else.

    Raises:
        BadInput: the file cannot be read, or is not JSON.
    """
    with suppress(OSError, ValueError, RecursionError):  # of which reading member by member says where it is
        content = json.loads(read_bytes(path))
        return content if isinstance(content, dict) else {}
    return {
        name: list(value) if isinstance(value, Iterator) else value
        for name, value in read_members(path)
        if name is not None
    }


class _Text:
    """The text of a file from the position that reading has reached; what was taken is forgotten."""

    def __init__(self, file: BinaryIO, path: Path, block: int):
        self._file, self._path, self._block = file, path, block
        start = file.read(4)
        file.seek(0)
        self._encoding = json.detect_encoding(start)
        self._decoder = codecs.getincrementaldecoder(self._encoding)("surrogatepass")
        self._text, self._position, self._ended = "", 0, False
        # Before `_text`: characters, line ends, and characters of the last line.
        self._characters, self._lines, self._column = 0, 0, 0
        self._one_by_one = 0  # characters of the file: up to there, `take_objects` is of no use

    def next(self) -> str:
        """Return the next character that is not white space, without taking it; empty at the end of the file."""
        while True:
            self._position = _SPACE.match(self._text, self._position).end()  # type: ignore[union-attr]
            if self._position < len(self._text):
                return self._text[self._position]
            if self._ended:
                return ""
            self._read()

    def enter(self, opening: str, closing: str) -> bool:
        """Take an opening bracket; return False where its closing one follows, which is taken too."""
        self.take(opening)
        empty = self.next() == closing
        if empty:
            self.take(closing)
        return not empty

    def goes_on(self, closing: str) -> bool:
        """Take the comma or the closing bracket behind an element; return whether it is a comma."""
        return self.take("," + closing, "Expecting ',' delimiter") == ","

    def take(self, expected: str, otherwise: str = "Expecting value") -> str:
        """Take the next character, which must be one of `expected`; `otherwise` is what the error says."""
        found = self.next()
        if not found or found not in expected:
            raise self._malformed(otherwise, self._position)
        self._position += 1
        return found

    def take_value(self, longest: int = sys.maxsize) -> Any:
        """Take the next value, decoded, if it has at most some `longest` number of characters."""
        self.next()
        while True:
            fault = None
            try:
                value, end = _decode(self._text, self._position)
            except json.JSONDecodeError as error:
                fault, end = error, error.pos
            except RecursionError:
                raise self._refused("is nested too deeply for annotations", self._position) from None
            except ValueError:  # Python refuses to convert it, as that takes minutes for a file of digits
                raise self._refused("has an integer of more digits than any id or size", self._position) from None
            may_be_cut = len(self._text) - end < _LONGEST_WORD or (fault and fault.msg.startswith("Unterminated"))
            if may_be_cut and len(self._text) - self._position > longest:
                raise self._refused(f"has an element of more than {longest >> 20} million characters", self._position)
            if may_be_cut and not self._ended:
                self._read()
                continue
            if fault:
                raise self._malformed(fault.msg, fault.pos)
            self._position = end
            return value

    def take_objects(self) -> list[Any]:
        """Take the next objects of a list, decoded, and the comma behind them: faster than one by one.

        There are none where the text has too few that are whole and well formed. Another object follows them.
        """
        if self.next() != "{" or self._characters + self._position < self._one_by_one:
            return []
        start = self._position
        comma = _BETWEEN_OBJECTS.search(self._text, start + _MANY, start + 2 * _MANY)
        objects = _objects(self._text[start : comma.start()]) if comma else []
        if comma and objects:
            self._position = comma.end()
        else:
            self._one_by_one = self._characters + (comma.end() if comma else min(start + _MANY, len(self._text)))
        return objects

    def _read(self) -> None:
        """Read on, and forget what was taken."""
        self._forget()
        data = self._file.read(max(self._block, len(self._text)))  # a long value is not tried again for every block
        pending = len(self._decoder.getstate()[0])
        try:
            self._text += self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            place = self._file.tell() - len(data) - pending + error.start
            raise BadInput(f"{self._path} is not JSON: byte {place} is not {self._encoding}: {error.reason}.") from None
        self._ended = not data

    def _forget(self) -> None:
        taken, self._text, self._position = self._text[: self._position], self._text[self._position :], 0
        self._characters += len(taken)
        self._lines += taken.count("\n")
        self._column = _column(taken, self._column)

    def _malformed(self, what: str, position: int) -> BadInput:
        """Return the error for text that is not JSON."""
        return self._refused(f"is not JSON: {what}", position)

    def _refused(self, what: str, position: int) -> BadInput:
        """Return the error for a place in the text, in the words of `json`, which counts lines and columns from 1."""
        before = self._text[:position]
        line, column = self._lines + before.count("\n") + 1, _column(before, self._column) + 1
        place = f"line {line} column {column} (char {self._characters + position})"
        return BadInput(f"{self._path} {what}: {place}.")


def _objects(text: str) -> list[Any]:
    """Return the objects of a text with commas between them; none where it is something else.

    That is so where the list ends in it, where its end is within an object, and where an object is malformed.
    """
    text = f"[{text}]"
    try:
        objects, end = _decode(text)
    except (ValueError, RecursionError):
        return []
    return objects if end == len(text) else []


def _column(text: str, column: int) -> int:
    """Return the column, from 0, behind `text` that begins in `column`."""
    return len(text) - text.rfind("\n") - 1 if "\n" in text else column + len(text)


def _members(text: _Text, path: Path) -> Iterator[tuple[str | None, Any]]:
    if not text.next():
        raise BadInput(f"{path} is empty. Expected JSON.")
    if text.next() != "{":
        yield None, _value(text)
        return
    more = text.enter("{", "}")
    while more:
        if text.next() != '"':
            text.take('"', "Expecting property name enclosed in double quotes")
        name = text.take_value()
        text.take(":", "Expecting ':' delimiter")
        value = _value(text)
        yield name, value
        if isinstance(value, Iterator):
            for _ in value:
                pass
        more = text.goes_on("}")
    if text.next():
        text.take("", "Extra data")


def _value(text: _Text) -> Any:
    return _elements(text) if text.next() == "[" else text.take_value()


def _elements(text: _Text) -> Iterator[Any]:
    more = text.enter("[", "]")
    while more:
        yield from text.take_objects()
        yield text.take_value(_LONGEST_ELEMENT)
        more = text.goes_on("]")
