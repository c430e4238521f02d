"""A worker process, which fills slots of batches. It ends when its parent closes the connection, or has ended."""

import pickle
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import cv2
import numpy as np

from detect.data.batches.making import SampleSource, arrays_in, fill_slots
from detect.data.samples.shared_memory import Lock, SharedBuffer

HEADER = 64  # bytes before the arrays of a batch; the first eight hold the number of the next free slot


class WorkerSetup(NamedTuple):
    """The first message to a worker."""

    source: bytes  # the `SampleSource`, pickled without what lies in `buffers`
    buffers: list[SharedBuffer]
    max_boxes: int
    lock: Lock  # for the numbers in headers


class Failure(NamedTuple):
    """A worker's answer where a sample could not be made."""

    error: Exception
    trace: str


def main(descriptor: int) -> None:
    """Receive number and buffer of a batch, fill slots of it, and answer with None or a `Failure`; again and again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the whole process group may get it, and the parent decides
    cv2.setNumThreads(0)
    with Connection(descriptor) as connection, suppress(EOFError, ConnectionError):
        setup: WorkerSetup = connection.recv()
        source = pickle.loads(setup.source, buffers=[buffer.bytes for buffer in setup.buffers])
        while True:
            connection.send(_answer(source, setup, *connection.recv()))


def _answer(source: SampleSource, setup: WorkerSetup, batch: int, buffer: SharedBuffer) -> Failure | None:
    memory = np.frombuffer(buffer.bytes, np.uint8, offset=HEADER)
    arrays = arrays_in(memory, source, setup.max_boxes, source.canvas(batch))
    try:
        fill_slots(source, batch, arrays, _free_slots(buffer, setup.lock, source.batch_size))
    except Exception as error:
        trace = traceback.format_exc()
        return Failure(error if _survives_pickling(error) else RuntimeError(repr(error)), trace)
    return None


def _free_slots(buffer: SharedBuffer, lock: Lock, count: int) -> Iterator[int]:
    """Yield the slots that no worker has taken yet, and take them."""
    header = buffer.bytes[:8].cast("q")
    while True:
        with lock:
            slot = header[0]
            header[0] = slot + 1
        if slot >= count:
            return
        yield slot


def _survives_pickling(error: Exception) -> bool:
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), Exception)
    except Exception:  # a user's class may raise anything here
        return False
