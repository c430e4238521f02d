import pytest

from detect.data.texts import Texts

NAMES = ["a.jpg", "", "höhe/日本.jpg", "caf\udce9.jpg", "a.jpg"]


def test_texts_are_what_was_put_in():
    texts = Texts(NAMES)
    assert list(texts) == NAMES
    assert len(texts) == 5
    assert texts[-1] == "a.jpg"
    assert list(texts[1:4:2]) == ["", "caf\udce9.jpg"]
    assert list(texts.select([3, 0, 3])) == ["caf\udce9.jpg", "a.jpg", "caf\udce9.jpg"]
    with pytest.raises(IndexError):
        texts[5]


def test_equal_only_where_they_are_divided_alike():
    assert Texts(NAMES) == Texts(NAMES)
    assert Texts(["ab", "c"]) != Texts(["a", "bc"])
    assert list(Texts()) == []


def test_what_no_file_can_be_named_is_refused_and_leaves_nothing():
    texts = Texts(["a"])
    with pytest.raises(UnicodeEncodeError):
        texts.append("\ud800")
    assert texts == Texts(["a"])
