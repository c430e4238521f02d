import pytest

from detect.data.readers.images.stems import Stems


def test_files_by_stem():
    stems = Stems(["a.jpg", "a.png", "sub/b.c.JPG"])
    assert stems.find("a") == "a.jpg"
    assert stems.find("sub/b.c") == "sub/b.c.JPG"
    assert stems.find("b.c") is None
    assert len(stems) == 2


@pytest.mark.parametrize(
    ("known", "stated"),
    [("IMG_1.JPG", "img_1"), ("ho\u0308he.jpg", "h\u00f6he"), ("a b.jpg", "a%20b"), ("a%20b.jpg", "a b")],
)
def test_other_spellings(known, stated):
    assert Stems([known]).find(stated) == known


def test_the_same_spelling_comes_first():
    stems = Stems(["A.jpg", "a.jpg"])
    assert [stems.find(stem) for stem in ("A", "a")] == ["A.jpg", "a.jpg"]


def test_what_could_be_several_files_is_none():
    assert Stems(["IMG.jpg", "Img.jpg"]).find("img") is None


@pytest.mark.parametrize(
    ("known", "stem", "found"),
    [
        (["1a2b3c4d-a.jpg"], "a", "1a2b3c4d-a.jpg"),
        (["a.jpg"], "1a2b3c4d-a", "a.jpg"),
        (["cam/1a2b3c4d-A.jpg"], "cam/a", "cam/1a2b3c4d-A.jpg"),
        (["1a2b3c4d-a.jpg", "5e6f7a8b-a.jpg"], "a", None),
        (["1a2b3c4d-a.jpg"], "5e6f7a8b-a", None),
        (["1a2b3c4-a.jpg"], "a", None),
        (["a.jpg"], "a", None),
    ],
)
def test_either_of_two_names_may_have_the_prefix_of_an_upload(known, stem, found):
    assert Stems(known).find_uploaded(stem) == found
