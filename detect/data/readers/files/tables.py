"""Tables in text files (CSV, TSV) of any size: their rows, with the lines on which they end.

Commas, semicolons, tabs or bars separate fields, which may be in double quotes. The encoding is found as that of other
texts is.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import cast

from detect.data.readers.files.text_encodings import encoding_of
from detect.data.regular_files import open_regular
from detect.errors import BadInput

SUFFIXES = (".csv", ".tsv")
_SEPARATORS = ",;\t|"
_BLOCK = 1024 * 1024  # bytes
_ROWS = 10_000  # read at a time
_LONGEST_LINE = 1024 * 1024  # characters
_BEGINNING = 64 * 1024  # characters at most of a first row

Row = list[str]


def first_row(path: Path) -> Row:
    """Return the first row of a table, whose fields are stripped; empty where there is none.

    Raises:
        BadInput: the file cannot be read, or is not a text.
    """
    with _opened(path, whole=False) as (file, separator):
        rows = csv.reader(io.StringIO(file.read(_BEGINNING)), delimiter=separator)
        return next(([field.strip() for field in row] for row in rows if any(row)), [])


def read_rows(path: Path) -> Iterator[tuple[list[int], list[Row]]]:
    """Yield the rows of a table, many at a time, with the line on which each ends. Empty lines are left out.

    Raises:
        BadInput: the file cannot be read, is not a text, or a field is longer than any name.
    """
    with _opened(path) as (file, separator):
        reader = csv.reader(_lines(file), delimiter=separator)
        numbered = ((reader.line_num, row) for row in reader if any(row))
        while rows := list(islice(numbered, _ROWS)):
            yield [line for line, _ in rows], [row for _, row in rows]


def _lines(file: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a file; csv.Error where one is so long that it is not one of a table."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise csv.Error(f"a line has {_LONGEST_LINE} characters or more")
        yield line


@contextmanager
def _opened(path: Path, whole: bool = True) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """Open a table, and find what separates its fields.

    Args:
        path: the file.
        whole: whether all of it is read: its encoding is that of the whole text, not of its first block only.
    """
    try:
        with open_regular(path) as file:
            blocks = iter(lambda: file.read(_BLOCK), b"")
            encoding = encoding_of(blocks if whole else islice(blocks, 1))
            file.seek(0)
            text = io.TextIOWrapper(io.BufferedReader(cast(io.RawIOBase, file)), encoding, newline="")
            line = text.readline(_BEGINNING)
            text.seek(0)
            yield text, max(_SEPARATORS, key=line.count)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not a text file: its bytes are not {error.encoding}. Save it as UTF-8.") from None
    except csv.Error as error:
        raise BadInput(f"{path} is not a table: {error}. Check its lines and quotation marks.") from None
    except ValueError as error:  # the path is not one: it has a null character
        raise BadInput(f"{str(path)!r}: cannot be read: {error}.") from None
