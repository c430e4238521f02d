"""The orientation in which players show a video: turned and mirrored, as the display matrix in its file says."""

import struct
from typing import Any

import av
from av.sidedata.sidedata import Type

# From whether x and y are exchanged, and whether rows and columns then run backwards, to the orientation of EXIF.
_ORIENTATIONS = {
    (False, False, False): 1,
    (False, False, True): 2,
    (False, True, True): 3,
    (False, True, False): 4,
    (True, False, False): 5,
    (True, False, True): 6,
    (True, True, True): 7,
    (True, True, False): 8,
}


def orientation(frame: av.VideoFrame) -> int:
    """Return the orientation of a frame as EXIF counts, 1 to 8; angles between are rounded to quarters of a turn."""
    side_data: Any = frame.side_data  # PyAV's types know no such key
    matrix = side_data.get(Type.DISPLAYMATRIX)
    return 1 if matrix is None else orientation_of_matrix(bytes(matrix))


def orientation_of_matrix(matrix: bytes) -> int:
    """Return the orientation, as EXIF counts, that a display matrix of FFmpeg stands for.

    The matrix is nine 32-bit integers a b u, c d v, x y w: the pixel at x, y is shown at a x + c y, b x + d y
    (libavutil/display.h).
    """
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    exchanged = abs(b) + abs(c) > abs(a) + abs(d)
    rows, columns = (b < 0, c < 0) if exchanged else (d < 0, a < 0)
    return _ORIENTATIONS[exchanged, rows, columns]
