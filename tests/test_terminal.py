"""Texts that can hold anything, on a terminal."""

import pytest

from detect.terminal import printable, shortened


@pytest.mark.parametrize("text", ["", "a b  c", "\u96ea\u3000\u5c71 caf\u00e9 \U0001f468\u200d\U0001f33e"])
def test_what_is_text_stays(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\rb\tc\nError: d", r"a\rb\tc\nError: d"),
        ("\u202efdp", r"\u202efdp"),
        ("\udce9", r"\udce9"),
        ("\x9b", r"\x9b"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert printable(text) == shown


def test_only_words_are_shortened_and_keep_both_ends():
    long = "/data/" + "x" * 5000 + ".jpg"
    shown = printable(f"{long}: not an image")
    assert shown.startswith("/data/xxx")
    assert shown.endswith("xxx.jpg: not an image")
    assert len(shown) == 999 + len(" not an image")
    words = "word " * 5000
    assert printable(words) == words


def test_a_shortened_text_has_its_beginning_and_its_end():
    assert shortened("abcdefghijklm", 9) == "abc...klm"
    assert shortened("abcdefghi", 9) == "abcdefghi"
