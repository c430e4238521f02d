"""The encoding of a text file, which few files state: UTF-8, else what the programs of the place write.

Windows programs write UTF-16 with a byte order mark, or the code page of their country: GBK in China, cp1252 in
western Europe. A text in GBK is also one in cp1252, but not a sensible one: its bytes above 127 come in pairs, where
accented letters stand alone or within a word.
"""

import codecs
import re
from collections.abc import Iterable
from contextlib import suppress

# UTF-32's mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030"}  # programs that state the smaller set write the larger one
_FOREIGN = re.compile(rb"[\x80-\xff]+")
_ACCENTED = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])|(?<=[A-Za-z])[\x80-\xff]{2}(?=[A-Za-z])")


def decode(data: bytes, stated: str = "") -> tuple[str, str]:
    """Decode the content of a text file.

    Args:
        data: the content.
        stated: the encoding that it states, if it does. One that is unknown or does not fit is passed over.

    Returns:
        The text, without a byte order mark, and the name of its encoding where that had to be guessed: it is UTF-8 or
        UTF-16, or the stated one, where the name is empty.

    Raises:
        UnicodeDecodeError: the content is not text.
    """
    if marked := _marked(data):
        return data.decode(marked), ""
    for encoding in filter(None, (_without_mark(data), _extending_ascii(stated), "utf-8")):
        with suppress(UnicodeError):
            return data.decode(encoding), ""
    guessed = _code_page(data)
    with suppress(UnicodeError):
        return data.decode(guessed), guessed
    return data.decode("utf-8"), ""


def encoding_of(blocks: Iterable[bytes]) -> str:
    """Return the encoding of a text of any length, in which its `blocks` are decoded one after the other."""
    decoder, first = codecs.getincrementaldecoder("utf-8")(), True
    for block in blocks:
        stated = _marked(block) or _without_mark(block) if first else ""
        if stated:
            return stated
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            # A later block may begin within a character, which ends before the next line.
            return _code_page(block if first else block[block.find(b"\n") + 1 :], final=False)
        first = False
    return "utf-8"


def _marked(data: bytes) -> str:
    """Return the encoding whose byte order mark a text begins with; empty where there is none."""
    return next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), "")


def _without_mark(data: bytes) -> str:
    """Return UTF-16 in one of its orders where every other byte of the beginning is zero."""
    beginning = data[:8]
    if len(beginning) < 4 or b"\0\0" in beginning:
        return ""
    return {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get(
        (not any(beginning[0::2]), not any(beginning[1::2])), ""
    )


def _extending_ascii(stated: str) -> str:
    """Return the codec of a stated encoding; empty where it is unknown, or not one that has ASCII as it is.

    What states UTF-16 in ASCII is not UTF-16.
    """
    with suppress(LookupError, ValueError):
        if stated and "<?xml".encode(stated) == b"<?xml":
            return _SUPERSETS.get(codecs.lookup(stated).name, stated)
    return ""


def _code_page(data: bytes, final: bool = True) -> str:
    """Return the code page that a text most likely has: GB 18030, which has GBK in it, or cp1252.

    Args:
        data: the text.
        final: whether it is whole, and does not end within a character.
    """
    foreign, accented = len(_FOREIGN.findall(data)), len(_ACCENTED.findall(data))
    with suppress(UnicodeError):
        if 2 * accented < foreign and codecs.getincrementaldecoder("gb18030")().decode(data, final):
            return "gb18030"
    return "cp1252"
