"""The file that an option names for results: replaced with a word, or refused."""

import pytest

from detect.cli.output_file import announce
from detect.errors import BadInput


def is_scores(text):
    return '"AP"' in text


def test_a_file_that_will_be_replaced_is_named(tmp_path, capsys):
    (tmp_path / "scores.json").write_text('{"AP": 0}')
    announce(tmp_path / "scores.json", is_scores, "a file of scores")
    assert "scores.json will be replaced." in capsys.readouterr().out.replace("\n", "")


def test_nothing_is_printed_of_a_new_file_or_none(tmp_path, capsys):
    announce(tmp_path / "scores.json", is_scores, "a file of scores")
    announce(None, is_scores, "a file of scores")
    assert capsys.readouterr().out == ""


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "photo.jpg").write_text("a photo")
    with pytest.raises(BadInput, match=r"photo.jpg would be replaced, but it is not a file of scores"):
        announce(tmp_path / "photo.jpg", is_scores, "a file of scores")
