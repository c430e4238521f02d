"""CRC-32C, the checksum of TFRecord files, with NumPy: a loop over bytes is thirty times as slow.

A CRC is linear: that of a block is the XOR of what each of its bytes adds, which depends on the value of the byte and
on its place. So the bytes of all blocks are looked up at once, and then blocks are joined in pairs.

Source: RFC 3720, section 12.1 and appendix B.4; the mask is that of the page on TFRecord of the TensorFlow guide.
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78  # of Castagnoli, its bits in reverse
_BLOCK = 512  # bytes; the table for more does not fit into the cache of a core
_LEVELS = 10
_CHUNK = _BLOCK << _LEVELS
_FEW = 64  # bytes for which a loop is faster
_ALL = 0xFFFFFFFF
_ADDED = 0xA282EAD8  # to the rotated CRC in TFRecord files


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`."""
    state = _ALL
    for start in range(0, len(data), _CHUNK):
        chunk = data[start : start + _CHUNK]
        state = _after_bytes(state, chunk) if len(chunk) < _FEW else _after_blocks(state, chunk)
    return state ^ _ALL


def masked_crc(data: bytes) -> int:
    """Return the CRC-32C of `data` as TFRecord files store it: rotated, and with a constant added."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _ADDED) & _ALL


def masked_crcs(data: np.ndarray, length: int) -> np.ndarray:
    """Return the masked CRC-32C of each `length` bytes in a row, 4 to 512, of uint8 [n]: uint32 [n - length + 1]."""
    count = len(data) - length + 1
    crcs = np.full(count, _ALL, np.uint32)
    for place, table in enumerate(_table()[-length:]):
        bytes_there = data[place : place + count]
        crcs ^= table[~bytes_there if place < 4 else bytes_there]  # the state before is 32 ones
    return (crcs >> 15 | crcs << 17) + np.uint32(_ADDED)


def _after_bytes(state: int, data: bytes) -> int:
    table = _table_of_last()
    for byte in data:
        state = table[(state ^ byte) & 255] ^ state >> 8
    return state


def _after_blocks(state: int, data: bytes) -> int:
    """Return the state after `data`, of 4 to `_CHUNK` bytes, where it was `state` before."""
    padding = -len(data) % _BLOCK  # zeros in front of the data change nothing
    padded = np.zeros(padding + len(data), np.uint8)
    padded[padding:] = np.frombuffer(data, np.uint8)
    padded[padding : padding + 4] ^= np.frombuffer(state.to_bytes(4, "little"), np.uint8)
    blocks = padded.reshape(-1, _BLOCK) + np.arange(_BLOCK) * 256
    states = np.bitwise_xor.reduce(_table().ravel()[blocks], axis=1)
    for moves in _moves():
        if len(states) == 1:
            break
        if len(states) % 2:
            states = np.append(np.uint32(0), states)
        states = _moved(states[0::2], moves) ^ states[1::2]
    return int(states[0])


def _moved(states: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return states [n] after as many zeros as `moves`, uint32 [4, 256], are for."""
    return functools.reduce(np.bitwise_xor, (moves[place][states >> 8 * place & 255] for place in range(4)))


@functools.cache
def _table() -> np.ndarray:
    """Return what one byte adds to the state after its block, by place and value of the byte, uint32 [_BLOCK, 256].

    The four bytes of the state before the block add what the first four bytes of the block do.
    """
    entry = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entry = np.where(entry & 1, entry >> 1 ^ _POLYNOMIAL, entry >> 1).astype(np.uint32)
    rows = [entry]
    for _ in range(_BLOCK - 1):
        rows.append(entry[rows[-1] & 255] ^ rows[-1] >> 8)
    return np.stack(rows[::-1])


@functools.cache
def _table_of_last() -> list[int]:
    return _table()[-1].tolist()


@functools.cache
def _moves() -> list[np.ndarray]:
    """Return tables for a block of zeros, and for 2, 4, 8 ... of them."""
    tables = [_table()[:4]]
    for _ in range(_LEVELS - 1):
        tables.append(_moved(tables[-1], tables[-1]))
    return tables
