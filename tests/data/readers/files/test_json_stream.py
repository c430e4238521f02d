import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detect.data.readers.files import json_stream
from detect.data.readers.files.json_stream import first_element, read_elements, read_members, read_whole
from detect.errors import BadInput

DOCUMENT = {
    "numbers": [0, -1, 12, 1.5, -0.25, 1e300, 2.5e-07, 2**70, float("nan"), float("inf"), float("-inf")],
    "words": [True, False, None, "", "a", 'quoted " and \\', "line\nbreak", "höhe/日本/😀.jpg", "\udce9"],
    "nested": [[], {}, [[1, [2]], {"a": {"b": [3]}}], {"id": 7, "bbox": [1, 2.5, 3, 4]}],
    "empty list": [],
    "empty object": {},
    "object": {"lists": [1, 2, [3]], "text": "[}"},
    "number": 12.5,
    "text": "],}",
    "none": None,
    "größe": 1,
}
MALFORMED = [
    '{"a": [1, 2',
    '{"a": [1, 2}',
    '{"a": [1 2]}',
    '{"a": [1, tru]}',
    '{"a": [1, "open]}',
    '{"a": [{"b": 1, "c" 2}, 3]}',
    '{"a": [1],\n "b": [\n  {"c": 1}\n  {"c": 2}]}',
    '{"a": "\\u12"}',
    '{"a": "\\q"}',
    '{"a": "line\nbreak"}',
    '{"a" [1]}',
    "{a: 1}",
    '{"a": 1 "b": 2}',
    '{"a": 1} {"b": 2}',
    '{"a": 1.}',
    '{"a": [1, -]}',
    '{"a": }',
    "{",
    "no JSON",
]


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "content.json"
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    return path


def read_all(path: Path, block: int) -> dict[str | None, Any]:
    return {
        name: list(value) if isinstance(value, Iterator) else value for name, value in read_members(path, block=block)
    }


@pytest.mark.parametrize(("ascii_only", "indent"), [(True, None), (False, None), (False, 2)])
def test_every_size_of_block_gives_what_json_gives(tmp_path, ascii_only, indent):
    text = json.dumps(DOCUMENT, ensure_ascii=ascii_only, indent=indent)
    path = write(tmp_path, text)
    expected = repr(json.loads(path.read_bytes()))
    for block in [*range(1, 120), len(text) - 1, len(text), 10_000]:
        assert repr(read_all(path, block)) == expected, f"blocks of {block} bytes"


OBJECTS = {
    "small": [{"id": number} for number in range(30)],
    "like the text between objects": [{"a": "}, {"}, {"b": [{}, {"c": "},{"}, {}]}, {"d": {"e": {}}, "f": [{}]}, {}],
    "ends early": [{}],
    "ends in an object": [{"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 3}]}],
    "with others between": [{}, 1, {}, {"a": 2}, [], {"b": [3]}, {}, "}, {", {}],
    "last": 7,
}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n ", ":")])
@pytest.mark.parametrize("block", [1, 30, 10_000])
def test_objects_that_are_decoded_at_once_are_what_json_gives(tmp_path, monkeypatch, separators, block):
    text = json.dumps(OBJECTS, separators=separators)
    path = write(tmp_path, text)
    for many in [*range(1, 100), len(text)]:
        monkeypatch.setattr(json_stream, "_MANY", many)
        assert read_all(path, block) == OBJECTS, f"{many} characters at once"


def test_one_of_many_objects_that_is_malformed_is_refused_with_its_place(tmp_path, monkeypatch):
    text = '{"a": [{"b": 1}, {"b": 2},\n{"b": [{}, {"c": 3}]}, {"b" 4}, {"b": 5}, {"b": 6}]}'
    path = write(tmp_path, text)
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    for many in range(1, len(text)):
        monkeypatch.setattr(json_stream, "_MANY", many)
        elements: list[Any] = []
        with pytest.raises(BadInput) as found:
            take_elements(path, elements)
        assert str(found.value) == f"{path} is not JSON: {expected.value}."
        assert elements == [{"b": 1}, {"b": 2}, {"b": [{}, {"c": 3}]}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_encodings_are_found(tmp_path, encoding):
    path = write(tmp_path, json.dumps({"names": ["höhe", "😀"], "count": 2}, ensure_ascii=False), encoding)
    for block in (1, 2, 3, 5, 1000):
        assert read_all(path, block) == {"names": ["höhe", "😀"], "count": 2}


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_text_is_refused_with_the_place_that_json_names(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    for block in (1, 2, 7, 16, 1000):
        with pytest.raises(BadInput) as found:
            read_all(path, block)
        assert str(found.value) == f"{path} is not JSON: {expected.value}."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ('{"a": [' + "[" * 100_000, r"is nested too deeply for annotations: line 1 column 8 \(char 7\)"),
        ('{"a": [' + "1" * 5000 + "]}", "has an integer of more digits than any id or size: line 1 column 8"),
    ],
)
def test_what_is_not_annotations_is_refused_in_words_of_ours(tmp_path, text, reason):
    with pytest.raises(BadInput, match=f"content.json {reason}"):
        read_all(write(tmp_path, text), 1000)


@pytest.mark.parametrize("text", ['{"a": [1, 2,]}', '{"a": 1,}'])
def test_trailing_commas_are_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"content.json is not JSON: .*line 1 column"):
        read_all(write(tmp_path, text), 4)


def test_a_fault_in_the_middle_is_met_without_reading_the_rest(tmp_path):
    """Behind the fault is a byte that is not UTF-8, which would be reported if it were read."""
    rows = ",\n".join(f'{{"id": {number}}}' for number in range(100))
    path = write(tmp_path, f'{{"images": [\n{rows},\n{{"id" 100}}, {"1, " * 1000}')
    path.write_bytes(path.read_bytes() + b"\xff")
    elements: list[Any] = []
    with pytest.raises(BadInput, match=r"is not JSON: Expecting ':' delimiter: line 102 column 7 \(char \d+\)\."):
        take_elements(path, elements)
    assert elements == [{"id": number} for number in range(100)]


def take_elements(path: Path, elements: list[Any]) -> None:
    for _, value in read_members(path, block=64):
        elements.extend(value)  # those before the fault stay


@pytest.mark.parametrize("block", [1, 4, 5, 64])
def test_bytes_that_are_no_text_are_named(tmp_path, block):
    path = tmp_path / "content.json"
    path.write_bytes('{"a": ["ü", "'.encode() + b"\xff" + b'"]}')  # 12 characters of one byte, one of two
    with pytest.raises(BadInput, match=r"content.json is not JSON: byte 14 is not utf-8: invalid start byte"):
        read_all(path, block)


@pytest.mark.parametrize("block", [1, 10, 1000])
def test_elements_that_nobody_asks_for_are_skipped(tmp_path, block):
    path = write(tmp_path, '{"a": [1, 2, 3], "b": [4, 5], "c": [6]}')
    seen = []
    for name, value in read_members(path, block=block):
        if name == "b":
            seen += list(value)
        elif name == "c":
            seen.append(next(value))
    assert seen == [4, 5, 6]


@pytest.mark.parametrize(("text", "value"), [("[1, 2]", [1, 2]), ('"text"', "text"), ("12", 12), ("null", None)])
def test_a_file_without_an_object_is_one_member_without_a_name(tmp_path, text, value):
    assert read_all(write(tmp_path, text), 1) == {None: value}


def test_a_file_with_a_list(tmp_path):
    path = write(tmp_path, '[{"a": 1}, 2]')
    assert list(read_elements(path, "a list")) == [{"a": 1}, 2]
    assert first_element(path) == {"a": 1}
    assert read_whole(path) == {}


def test_a_file_with_an_object(tmp_path):
    path = write(tmp_path, '{"a": [1, 2], "b": "x"}')
    assert read_whole(path) == {"a": [1, 2], "b": "x"}
    assert first_element(path) is None
    with pytest.raises(BadInput, match=r"content\.json: expected a list of images\."):
        list(read_elements(path, "a list of images"))


def test_a_small_file_that_is_malformed_is_refused_with_its_place(tmp_path):
    with pytest.raises(BadInput, match=r"content\.json is not JSON: Expecting ':' delimiter: line 1 column 12 "):
        read_whole(write(tmp_path, '{"a": {"b" 1}}'))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.json: cannot be read: No such file"):
        list(read_members(tmp_path / "nowhere.json"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_somebody_to_write_into_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(BadInput, match=r"pipe\.json: cannot be read: it is not a regular file"):
        list(read_members(tmp_path / "pipe.json"))


def test_an_element_that_never_ends_is_not_read_to_its_end(tmp_path, monkeypatch):
    """An annotation of 200 MB would take minutes, and gigabytes as Python objects."""
    monkeypatch.setattr(json_stream, "_LONGEST_ELEMENT", 2**20)
    path = tmp_path / "a.json"
    path.write_text('{"annotations": [{"id": 1}, [' + "1, " * 2**20 + "1]]}")
    with pytest.raises(BadInput, match=r"a\.json has an element of more than 1 million characters: line 1 column 29"):
        [element for _, elements in read_members(path) for element in elements]
