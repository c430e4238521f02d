import codecs

import pytest

from detect.data.readers.files.text_encodings import decode


@pytest.mark.parametrize(
    ("text", "codec", "stated", "guessed"),
    [
        ("höhe 红", "utf-8", "", ""),
        ("höhe 红", "utf-8-sig", "", ""),
        ("0 0.5 红", "utf-16", "", ""),
        ("<?xml", "utf-16-le", "", ""),
        ("<?xml", "utf-16-be", "", ""),
        ("<?xml", "utf-8", "utf-16", ""),  # .NET states this of files that it saves as UTF-8
        ("a", "utf-8", "klingon", ""),
        ("a", "utf-8", "hex", ""),
        ("a", "utf-8", "\0", ""),
        ("", "utf-8", "", ""),
        ("红 镕", "gb18030", "gb2312", ""),
        ("赤い", "shift_jis", "Shift_JIS", ""),
        ("<name>红色</name><path>D:\\数据</path>", "gbk", "", "gb18030"),
        ("<name>红色</name>", "gbk", "utf-8", "gb18030"),
        ("<name>café</name>", "cp1252", "", "cp1252"),
        ("<name>Größe</name>", "cp1252", "", "cp1252"),
        ("señor, naïve", "cp1252", "", "cp1252"),
    ],
)
def test_what_a_text_is_encoded_in(text, codec, stated, guessed):
    assert decode(text.encode(codec), stated) == (text, guessed)


def test_utf_16_of_the_other_order():
    assert decode(codecs.BOM_UTF16_BE + "a红".encode("utf-16-be")) == ("a红", "")


@pytest.mark.parametrize("data", [bytes(range(256)), b"\xff\xfe\x00\xd8", b"\x81"])
def test_what_is_not_text(data):
    with pytest.raises(UnicodeDecodeError):
        decode(data)
