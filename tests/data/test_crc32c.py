"""CRC-32C: the vectors of RFC 3720, appendix B.4, and a loop over bits."""

import numpy as np
import pytest

from detect.data.crc32c import crc32c, masked_crc, masked_crcs


def by_bit(data: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_values(data, crc):
    assert crc32c(data) == crc


@pytest.mark.parametrize("length", [1, 63, 64, 65, 511, 512, 513, 1025, 5 * 512 + 3])
def test_a_loop_over_bits_gives_the_same(length):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == by_bit(data)


def test_a_long_text_is_taken_in_parts():
    """The CRC of a text and its own CRC, the lowest byte first, is the same for all texts."""
    data = np.random.default_rng(0).bytes(2**20 + 77)
    residue = crc32c(b"a" + crc32c(b"a").to_bytes(4, "little"))
    assert crc32c(data + crc32c(data).to_bytes(4, "little")) == residue


def test_the_mask_turns_the_bits_and_adds_a_constant():
    assert masked_crc(b"") == 0xA282EAD8
    crc = 0xE3069283
    assert masked_crc(b"123456789") == ((crc >> 15) + (crc % 2**15) * 2**17 + 0xA282EAD8) % 2**32


def test_all_windows_at_once():
    data = np.random.default_rng(0).bytes(100)
    expected = [masked_crc(data[start : start + 8]) for start in range(93)]
    assert masked_crcs(np.frombuffer(data, np.uint8), 8).tolist() == expected
    assert masked_crcs(np.frombuffer(data[:8], np.uint8), 8).tolist() == expected[:1]
