"""JSON files of results are read as the standard library reads them."""

import gc
import json

import pytest

from detect.errors import BadInput
from detect.evaluation.json_files import collection_paused, read_json

VALUES = [1.1, 0.1 + 0.2, 5e-324, 1e22, 123456789012345678901234567890, -0.0, "Zürich 🐄", {"a": [None, True]}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_values_are_those_of_the_standard_library(tmp_path, encoding):
    (tmp_path / "a.json").write_text(json.dumps(VALUES, ensure_ascii=False), encoding=encoding)
    assert repr(read_json(tmp_path / "a.json")) == repr(VALUES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1, 2", r"Expecting ',' delimiter: line 1 column 6 \(char 5\)"),
        (b'["caf\xe9"]', "its byte 5 is not text"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(BadInput, match=reason):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("before", [gc.disable, gc.enable])
def test_collection_is_as_before_after_a_pause(before):
    @collection_paused()
    def fail():
        raise KeyError(gc.isenabled())

    before()
    was_enabled = gc.isenabled()
    with pytest.raises(KeyError, match="False"):
        fail()
    assert gc.isenabled() is was_enabled
    gc.enable()
