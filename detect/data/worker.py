"""A process that makes rows of batches. It ends when the one that started it closes the connection, or is gone."""

import pickle
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import cv2
import numpy as np

from detect.data.batching import Row, Rows, make_rows, shape_of
from detect.data.shared import Lock, Piece

COUNTER = 64  # bytes before the images of a batch; the first eight are the number of the row that is to be made next


class Work(NamedTuple):
    """What a worker is told first."""

    rows: bytes  # `Rows`, pickled without what lies in `arrays`
    arrays: list[Piece]
    max_boxes: int
    lock: Lock  # of the counters


class Failure(NamedTuple):
    """What a worker answers where a row could not be made."""

    error: Exception
    trace: str


def images_in(piece: Piece, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """The images of a batch in the memory for one."""
    return np.frombuffer(piece.map, dtype, int(np.prod(shape)), COUNTER).reshape(shape)


def main(descriptor: int) -> None:
    """Answers to the number of a batch and its memory with the rows that this worker has made of it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a whole group of processes may get it; the first of them decides
    cv2.setNumThreads(0)
    with Connection(descriptor) as connection, suppress(EOFError, ConnectionError):
        work: Work = connection.recv()
        rows = pickle.loads(work.rows, buffers=[piece.map for piece in work.arrays])
        while True:
            connection.send(_answer(rows, work, *connection.recv()))


def _answer(rows: Rows, work: Work, batch: int, piece: Piece) -> dict[int, Row] | Failure:
    images = images_in(piece, shape_of(rows, batch), rows.dtype)
    try:
        return make_rows(rows, work.max_boxes, batch, images, _waiting(piece, work.lock, len(images)))
    except Exception as error:
        trace = traceback.format_exc()
        return Failure(error, trace) if _can_travel(error) else Failure(RuntimeError(repr(error)), trace)


def _waiting(piece: Piece, lock: Lock, count: int) -> Iterator[int]:
    """The rows that no worker has taken yet, one after the other."""
    counter = memoryview(piece.map)[:8].cast("q")
    while True:
        with lock:
            row = counter[0]
            counter[0] = row + 1
        if row >= count:
            return
        yield row


def _can_travel(error: Exception) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), Exception)
    except Exception:  # whatever a class of a user's does there
        return False
