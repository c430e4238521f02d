from itertools import chain

import pytest

from detect.data.readers.files import tables
from detect.data.readers.files.tables import first_row, read_rows
from detect.data.readers.files.text_encodings import encoding_of
from detect.errors import BadInput


def rows(path) -> list[tuple[int, list[str]]]:
    return list(chain.from_iterable(zip(*part, strict=True) for part in read_rows(path)))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_have_the_lines_on_which_they_end(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text(f'a{separator}b\n\n"1\n2"{separator}3\r\n4{separator}"5{separator}""6"""\n')
    assert rows(path) == [(1, ["a", "b"]), (4, ["1\n2", "3"]), (5, ["4", f'5{separator}"6"'])]
    assert first_row(path) == ["a", "b"]


def test_rows_come_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS", 2)
    path = tmp_path / "a.csv"
    path.write_text("1,1\n2,2\n3,3\n")
    assert [lines for lines, _ in read_rows(path)] == [[1, 2], [3]]


def test_the_first_row_needs_only_the_beginning(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b" a , b\n" + 100_000 * b"1,2\n" + b"\xff\x81\n")
    assert first_row(path) == ["a", "b"]


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        first_row(tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        rows(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("car,1\n" * 9 + "é,2\n", "utf-8", "utf-8"),
        ("car,1\n" * 9 + "é,2\n", "cp1252", "cp1252"),
        ("car,1\n" * 9 + "汽车,2\n" * 9, "gb18030", "gb18030"),
        ("car,1\n" * 9 + "汽车,2\n", "utf-16-le", "utf-16-le"),
        ("\ufeffcar,1\n", "utf-8", "utf-8-sig"),
        ("", "utf-8", "utf-8"),
    ],
)
@pytest.mark.parametrize("size", [7, 16, 1000])
def test_the_encoding_of_a_text_in_blocks(text, encoding, expected, size):
    """A block may begin and end within a character."""
    data = text.encode(encoding)
    blocks = (data[start : start + size] for start in range(0, len(data), size))
    assert encoding_of(blocks) == expected
