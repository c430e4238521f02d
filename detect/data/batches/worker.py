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

from detect.data.batches.making import Rows, columns_in, make_rows
from detect.data.samples.shared import Lock, Piece

HEADER = 64  # bytes before the columns of a batch; the first eight are the number of the row that is to be made next


class Work(NamedTuple):
    """What a worker is told first."""

    rows: bytes  # `Rows`, pickled without what lies in `arrays`
    arrays: list[Piece]
    max_boxes: int
    lock: Lock  # of the numbers in headers


class Failure(NamedTuple):
    """What a worker answers where a row could not be made."""

    error: Exception
    trace: str


def main(descriptor: int) -> None:
    """Makes rows of a batch when told of its number and its memory, and answers with None or a `Failure`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a whole group of processes may get it; the first of them decides
    cv2.setNumThreads(0)
    with Connection(descriptor) as connection, suppress(EOFError, ConnectionError):
        work: Work = connection.recv()
        rows = pickle.loads(work.rows, buffers=[piece.map for piece in work.arrays])
        while True:
            connection.send(_answer(rows, work, *connection.recv()))


def _answer(rows: Rows, work: Work, batch: int, piece: Piece) -> Failure | None:
    memory = np.frombuffer(piece.map, np.uint8, offset=HEADER)
    columns = columns_in(memory, rows, work.max_boxes, rows.canvas(batch))
    try:
        make_rows(rows, batch, columns, _waiting(piece, work.lock, rows.batch_size))
    except Exception as error:
        trace = traceback.format_exc()
        return Failure(error if _can_travel(error) else RuntimeError(repr(error)), trace)
    return None


def _waiting(piece: Piece, lock: Lock, count: int) -> Iterator[int]:
    """The rows that no worker has taken yet, one after the other."""
    header = memoryview(piece.map)[:8].cast("q")
    while True:
        with lock:
            row = header[0]
            header[0] = row + 1
        if row >= count:
            return
        yield row


def _can_travel(error: Exception) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), Exception)
    except Exception:  # whatever a class of a user's does there
        return False
