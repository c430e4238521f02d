"""Rows of `metrics.jsonl` are read as they were written, and damage has a place."""

import json

import pytest

from detect.errors import BadInput
from detect.evaluation.metric_rows import read_rows

ROW = {"step": 3, "epoch": 0.5, "time": 1.5, "kind": "val", "AP": 0.25}


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_rows(path) == []
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps(ROW)[:9]}")
    assert read_rows(path) == [ROW]
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps(ROW)}")
    assert read_rows(path) == [ROW, ROW]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n", "its byte 0 is not text"),
        (b"\x00\x00\n", "line 1: expected a row with step, epoch, time and kind"),
        *[
            (json.dumps(ROW).encode() + b"\n" + line + b"\n", "line 2: expected a row")
            for line in (
                *(b"", b"{", b"[1]", b"3", b"[" * 100_000),
                *(json.dumps({**ROW, **change}).encode() for change in ({"step": -1}, {"step": "3"}, {"kind": "x"})),
                *(json.dumps({**ROW, **change}).encode() for change in ({"epoch": float("nan")}, {"time": None})),
            )
        ],
    ],
)
def test_what_is_not_a_row_is_refused(tmp_path, content, message):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_rows(path)
