"""Label maps in protobuf's text format."""

import pytest

from detect.data.readers.tf_examples.label_map import LabelMapItem, find_label_map, read_label_map
from detect.errors import BadInput


def read(tmp_path, text: str) -> list[LabelMapItem]:
    path = tmp_path / "label_map.pbtxt"
    path.write_text(text, encoding="utf-8")
    return read_label_map(path)


@pytest.mark.parametrize(
    "text",
    [
        'item {\n  id: 1\n  name: "cat"\n}\nitem {\n  id: 2\n  name: "dog"\n}\n',
        "# animals\nitem{id:2 name:'dog'}item{name:'cat', id:1;}",
        "item < id: 1 name: 'c' \"at\" >\nitem: { name: 'd\\x6f\\147' id: 2 # a dog\n }",
        "item { id: 1 name: 'cat' keypoints { id: 7 label: 'nose' } }\nitem { id: 2 name: 'dog' frequency: FREQUENT }",
        "\ufeffitem {\r\n id: 1\r\n name: 'cat'\r\n}\r\nitem {\r\n id: 2 name: 'dog' }",
    ],
)
def test_forms_of_the_same_map(tmp_path, text):
    assert read(tmp_path, text) == [LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")]


def test_names_are_text_with_escapes(tmp_path):
    (item,) = read(tmp_path, r"""item { id: 3 name: "/m/01g317" display_name: 'it\'s "é"\n' }""")
    assert item == LabelMapItem(3, "/m/01g317", 'it\'s "é"')
    (item,) = read(tmp_path, "item { id: 3 name: 'no # comment } here' }")
    assert item.name == "no # comment } here"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "found no item"),
        ("name: 'x'", "found no item"),
        ("item { id: 1 }", ":1: expected an item"),
        ("\nitem { name: 'x' }", ":2: expected an item"),
        ("item { id: one name: 'x' }", "expected an item"),
        ("item { id: 1 name: 'x'", "expected '}', found the end"),
        ("item { id: 1 name: }", "expected a name and a value"),
        ("item { id: 1 name: 'x }\n", "expected protobuf's text format"),
        ("item { id: 1 name: 'x' }\nitem { id: 1 name: 'y' }", ":2: id 1 is 'x' and 'y'"),
        ("\0", "null character"),
    ],
)
def test_what_is_no_label_map_is_refused_with_its_line(tmp_path, text, why):
    with pytest.raises(BadInput, match=why):
        read(tmp_path, text)


def test_maps_that_differ_are_refused(tmp_path):
    assert find_label_map([tmp_path]) is None
    for name, text in (("a_label_map", "item { id: 1 name: 'x' }"), ("other", "item { id: 1 name: 'y' }")):
        (tmp_path / f"{name}.pbtxt").write_text(text)
    assert find_label_map([tmp_path]) == tmp_path / "a_label_map.pbtxt"
    (tmp_path / "b_label_map.pbtxt").write_text("item { id: 1 name: 'z' }")
    with pytest.raises(BadInput, match="name different classes"):
        find_label_map([tmp_path])
