"""Names for copies of images."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.data.image_names import plain
from detect.data.readers.files.listing import is_hidden
from detect.data.texts import Texts
from detect.data.writers.unique_names import portable, unique_names


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("cam 1/a b.jpg", "cam 1/a b.jpg"),
        ("ü/é.jpg", "ü/é.jpg"),
        ("../../a.jpg", "a.jpg"),
        ("/a/./b//c.jpg", "a/b/c.jpg"),
        ("C:\\photos\\a.jpg", "C__photos_a.jpg"),
        ("a\nb.jpg", "a_b.jpg"),
        (" a.jpg ", "a.jpg"),
        (".hidden/._a.jpg", "_.hidden/_._a.jpg"),
        ("__MACOSX/a.jpg", "___MACOSX/a.jpg"),
        ("'a'.jpg", "_'a'.jpg"),
        ("\udcff.jpg", "_.jpg"),
        ("..", "_"),
    ],
)
def test_names_are_made_portable(name, allowed):
    assert portable(name) == allowed


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_portable_names_stay_as_they_are_and_are_never_hidden(name):
    allowed = portable(name)
    assert portable(allowed) == allowed
    parts = allowed.split("/")
    assert all(part and part.isprintable() and not is_hidden(part) for part in parts)


def test_names_that_are_alike_get_numbers():
    groups = [Texts(["a.jpg", "a.png", "A.jpg", "b/a.jpg"]), Texts(["a.jpg", "a-2.jpg", "c.jpg"])]
    assert [list(names) for names in unique_names(groups, by_stem=False)] == [
        ["a.jpg", "a.png", "A-3.jpg", "b/a.jpg"],
        ["a-4.jpg", "a-2.jpg", "c.jpg"],
    ]
    assert [list(names) for names in unique_names(groups, by_stem=True)] == [
        ["a.jpg", "a-3.png", "A-4.jpg", "b/a.jpg"],
        ["a-5.jpg", "a-2.jpg", "c.jpg"],
    ]


def test_one_letter_in_two_unicode_forms_is_one():
    first = "\u00fc.jpg"
    (names,) = unique_names([Texts([first, unicodedata.normalize("NFD", first)])], by_stem=False)
    assert list(names) == [first, "u\u0308-2.jpg"]


@given(
    st.lists(st.sampled_from(["a.jpg", "A.jpg", "a.png", "a-2.jpg", "a-2-2.jpg", "a-3.png", "b.jpg"])), st.booleans()
)
def test_no_two_names_are_alike(names, by_stem):
    (unique,) = unique_names([Texts(names)], by_stem)
    keys = [plain(name.rpartition(".")[0] if by_stem else name) for name in unique]
    assert len(set(keys)) == len(names)
    assert all(name.endswith(old[-4:]) for old, name in zip(names, unique, strict=True))
