import os
from itertools import pairwise
from pathlib import Path

import pytest

from detect.data.readers.files.text_files import read_lines, read_names, read_text, read_yaml, unquoted
from detect.errors import BadInput

# Each name stands for twenty of the one before it: 6.4 million values in 300 bytes.
UNFOLDING = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(20 * [f'*{before}'])}]\n" for before, name in pairwise("abcdef")
)


def test_lines_of_windows_and_byte_order_mark(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n two \r\n\r\n")
    assert read_lines(path) == ["one", "two", ""]


def test_text_that_cannot_be_read(tmp_path):
    (tmp_path / "bytes.txt").write_bytes(b"caf\x81")
    with pytest.raises(BadInput, match=r"bytes.txt: expected UTF-8 text, byte 3"):
        read_lines(tmp_path / "bytes.txt")
    (tmp_path / "binary.txt").write_bytes(b"one\ntwo\0")
    with pytest.raises(BadInput, match=r"binary.txt:2: expected UTF-8 text, found a null character"):
        read_lines(tmp_path / "binary.txt")
    for path in (tmp_path / "nowhere.txt", tmp_path, tmp_path / ("x" * 5000), tmp_path / "a\0b"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_text(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "is not YAML"),
        ("- a\n- b\n", "found list"),
        ("", "found nothing"),
        ("# a\n", "found nothing"),
        ("a: " + "[" * 5000, "is not YAML"),
        ("? [a]\n: b", "is not YAML"),
        ("a: 1\na: 2", "is not YAML: a name is stated twice"),
        ("names: {0: a, 0: b}", "a name is stated twice in a mapping, line 1"),
        ("a: &a [*a]", "is not YAML: found unconstructable recursive node"),
        (UNFOLDING, "aliases .* stand for too many values"),
    ],
)
def test_what_is_not_yaml_is_refused(tmp_path, text, reason):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"x.yaml.*{reason}"):
        read_yaml(path)


def test_values_of_yaml_are_text_as_written(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "names: {0: höhe, 1: yes}\nnc: 2\nlist: [007, null, 2024-13-45, 1e3]\nempty:\n", "utf-8"
    )
    assert read_yaml(tmp_path / "x.yaml") == {
        "names": {"0": "höhe", "1": "yes"},
        "nc": "2",
        "list": ["007", "null", "2024-13-45", "1e3"],
        "empty": "",
    }


def test_values_that_aliases_stand_for(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a [x, y]\nb: [*a, *a]")
    assert read_yaml(tmp_path / "x.yaml")["b"] == [["x", "y"], ["x", "y"]]


def test_other_encodings(tmp_path):
    for encoding in ("utf-16", "gbk", "utf-8-sig"):
        (tmp_path / "list.txt").write_text("红 a\r\n", encoding)
        assert read_lines(tmp_path / "list.txt") == ["红 a"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_files_without_an_end(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    for path in (tmp_path / "pipe.txt", Path("/dev/zero")):
        with pytest.raises(BadInput, match="cannot be read: it is not a regular file"):
            read_text(path)


def test_names_of_classes(tmp_path):
    (tmp_path / "a.names").write_text("car\n traffic light \n\n\n")
    assert read_names(tmp_path / "a.names") == ["car", "traffic light"]
    (tmp_path / "a.names").write_text("car\n\nbus\n")
    with pytest.raises(BadInput, match=r"a.names:2: expected the name of a class"):
        read_names(tmp_path / "a.names")
    (tmp_path / "a.names").write_text("")
    assert read_names(tmp_path / "a.names") == []


@pytest.mark.parametrize(
    ("text", "inside"), [('"a b"', "a b"), ("' a'", "a"), ('"a', '"a'), ('"', '"'), ("a", "a"), ("", "")]
)
def test_quotation_marks(text, inside):
    assert unquoted(text) == inside
