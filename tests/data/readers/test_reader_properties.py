"""Whatever annotation files state: the result is records, problems with places, or `BadInput`.

`test_reader_contract` replaces bytes and words, which mostly gives files that cannot be parsed. Here files can be
parsed and state something else: a value of a JSON file, or an element or attribute of an XML file, is replaced.
"""

import copy
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import EXPORTS, SETS

from detect.data.readers import readers
from detect.data.readers.description import open_dataset
from detect.errors import BadInput

ALL = SETS | EXPORTS
SUFFIXES = sorted({suffix for reader in readers().values() for file in reader.files for suffix in file.suffixes})
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", " ", "0", "-1", "nan", "1e999", "..", "/", "a.png", "../a.png", "\0", "\ud800", "x" * 5000]),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([2**31, 2**63, -(2**63), 10**400, 1e308]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the keys and positions that lead to each value inside a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*path, key)
        yield from places(inner, (*path, key))


def with_another_value(data: st.DataObject, content: str) -> str:
    """Replace or remove a value of a JSON file."""
    document = json.loads(content)
    *path, last = data.draw(st.sampled_from(list(places(document))))
    parent = document
    for key in path:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[last] = data.draw(VALUES)
    else:
        del parent[last]
    return json.dumps(document)


def with_another_element(data: st.DataObject, content: str) -> str:
    """Change the text or an attribute of an element of an XML file, remove the element, or put it into itself."""
    root = ElementTree.fromstring(content)
    element = data.draw(st.sampled_from(list(root.iter())))
    change = data.draw(st.sampled_from(["text", "attribute", "clear", "nest"]))
    text = data.draw(TEXTS.filter(lambda text: text.isprintable() and text.isascii()))
    if change == "text":
        element.text = text
    elif change == "attribute" and element.attrib:
        element.set(data.draw(st.sampled_from(sorted(element.attrib))), text)
    elif change == "nest":
        element.append(copy.deepcopy(element))
    else:
        element.clear()
    return ElementTree.tostring(root, encoding="unicode")


def with_another_line(data: st.DataObject, content: str) -> str:
    """Replace or remove a value of a line of a file of JSON lines."""
    lines = content.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = with_another_value(data, lines[number])
    return "\n".join(lines)


CHANGES = {
    ".json": with_another_value,
    ".xml": with_another_element,
    **dict.fromkeys([".jsonl", ".ndjson", ".manifest"], with_another_line),
}


def read_or_refuse(path: Path) -> None:
    try:
        dataset = open_dataset(path)
    except BadInput:
        return
    assert dataset.digest()
    for problems in dataset.problems.values():
        assert all(problem.where and problem.what and problem.action for problem in problems)
        assert problems.lost_images <= problems.images_total
        assert problems.lost_boxes <= problems.boxes_total


@pytest.mark.parametrize("form", sorted(ALL))
def test_files_that_state_something_else(form, tmp_path):
    path = ALL[form].write(tmp_path)
    files = {file: file.read_text(encoding="utf-8") for file in sorted(tmp_path.rglob("*")) if file.suffix in CHANGES}
    if not files:
        pytest.skip("its files are neither JSON nor XML")

    @settings(max_examples=20, deadline=None)
    @given(st.data())
    def check(data):
        file = data.draw(st.sampled_from(list(files)))
        changed = CHANGES[file.suffix](data, files[file])
        file.write_text(changed, encoding="utf-8")
        try:
            read_or_refuse(path)
        finally:
            file.write_text(files[file], encoding="utf-8")

    check()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_bytes(suffix, tmp_path):
    path = tmp_path / f"train{suffix}"

    @settings(max_examples=30, deadline=None)
    @given(st.binary(max_size=300))
    def check(content):
        path.write_bytes(content)
        read_or_refuse(path)
        read_or_refuse(tmp_path)

    check()


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix.endswith("json")])
def test_any_json(suffix, tmp_path):
    path = tmp_path / f"train{suffix}"

    @settings(max_examples=100, deadline=None)
    @given(VALUES)
    def check(value):
        path.write_text(json.dumps(value), encoding="utf-8")
        read_or_refuse(path)
        read_or_refuse(tmp_path)

    check()
