import pytest

from detect.data.readers.text_files import read_lines, read_text, read_yaml
from detect.errors import BadInput


def test_lines_of_windows_and_byte_order_mark(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n two \r\n\r\n")
    assert read_lines(path) == ["one", "two", ""]


def test_text_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BadInput, match=r"latin.txt: expected UTF-8 text, byte 3"):
        read_lines(tmp_path / "latin.txt")
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
        ("", "found NoneType"),
        ("day: 2024-13-45", "is not YAML: month must be in 1..12"),
        ("a: !!bool x", "is not YAML"),
        ("a: " + "[" * 5000, "is not YAML"),
        ("a: " + "9" * 5000, "is not YAML"),
        ("a: =", "is not YAML"),
    ],
)
def test_what_is_not_yaml_is_refused(tmp_path, text, reason):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"x.yaml.*{reason}"):
        read_yaml(path)


def test_yaml_with_names_and_values(tmp_path):
    (tmp_path / "x.yaml").write_text("names: {0: höhe, 1: b}\nnc: 2\nempty:\n", encoding="utf-8")
    assert read_yaml(tmp_path / "x.yaml") == {"names": {0: "höhe", 1: "b"}, "nc": 2, "empty": None}
