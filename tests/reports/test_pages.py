"""What is put into pages."""

import json

import pytest

from detect.reports.pages import score_text, script_json


def test_nothing_in_a_script_ends_it():
    value = {"</script><!--": ["a & b", "\u2028", "caf\udce9"]}
    text = script_json(value)
    assert not set("<>&\u2028") & set(text)
    assert text.isascii()
    assert json.loads(text) == value


def test_numbers_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError):
        script_json(float("nan"))


def test_scores_as_text():
    assert [score_text(value) for value in (None, float("nan"), 0.12345)] == ["-", "-", "0.123"]
