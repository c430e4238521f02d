"""A crew of processes: Python itself works on all cores, and images come through shared memory, without a copy.

They are new interpreters that know no TensorFlow: a copy of this one (`fork`) could hang on its threads, and
`multiprocessing` would run the user's script again in each.
"""

import functools
import os
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from detect.data.batches.making import Columns, Rows, aligned, bytes_of, columns_in
from detect.data.batches.worker import HEADER, Failure, Work
from detect.data.samples.shared import CAN_SHARE, Lock, Piece, SharedMemory
from detect.errors import DetectError, RunFailure

MOST_LENT = 32  # batches, each of which has a file descriptor: who keeps more gets copies
ENDING = 10  # seconds that a worker has for the rows in its hands when it is told to end

# One thread; and glibc keeps the memory of pictures that have gone for the next ones: to give it back and get it again
# takes a twelfth of the time.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
_PROGRAM = "import sys; sys.path[:] = {path!r}; from detect.data.batches.worker import main; main({descriptor})"


class Packed(NamedTuple):
    """Rows for another process."""

    data: bytes  # pickled, without what lies in `arrays`
    arrays: list[pickle.PickleBuffer]


def pack(rows: Rows) -> Packed | None:
    """None where no other process can be started, or it would not understand them.

    It would not, where a transform has functions without a name, or of the user's own script.
    """
    arrays: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps(rows, protocol=5, buffer_callback=arrays.append)
    except Exception:  # whatever a class of a user's does there
        return None
    return Packed(data, arrays) if CAN_SHARE and sys.executable and b"__main__" not in data else None


class Processes:
    """A crew of processes, started when they are first needed."""

    def __init__(
        self,
        rows: Rows,
        packed: Packed,
        max_boxes: int,
        workers: int,
        largest: tuple[int, int],
        descriptors: tuple[int, ...] = (),
    ):
        """
        Args:
            packed: these rows.
            largest: height and width of the largest canvas.
            descriptors: file descriptors that `rows` needs.
        """
        self._rows, self._packed, self._count, self._max_boxes = rows, packed, workers, max_boxes
        self._memory, self._lock = SharedMemory(), Lock()
        self._lent = Lent(self._memory, HEADER + bytes_of(rows, max_boxes, largest))
        self._descriptors = (*descriptors, self._memory.descriptor, *self._lock.descriptors)
        self._workers: list[Worker] = []
        weakref.finalize(self, _end, self._workers).atexit = False  # at the end of this process, they end by themselves
        self._starting = threading.Lock()

    def make(self, batch: int) -> Columns:
        workers, rows = self._started(), self._rows.batch_size
        piece, memory = self._lent.lend()
        # Where there are more workers than rows, others are asked every time.
        chosen = [workers[(batch * rows + turn) % self._count] for turn in range(min(self._count, rows))]
        parts = [worker.ask(batch, piece) for worker in chosen]
        wait(parts)  # also where one has failed: the others may still write
        for part in parts:
            part.result()
        if self._lent.count() > MOST_LENT:
            memory = copied(memory)
        return columns_in(memory[HEADER:], self._rows, self._max_boxes, self._rows.canvas(batch))

    def close(self) -> None:
        """Ends the processes, after the rows in their hands."""
        with self._starting:
            _end(self._workers)

    def _started(self) -> list["Worker"]:
        with self._starting:
            if not self._workers:
                self._workers.extend(Worker(self._work, self._descriptors) for _ in range(self._count))
            return [*self._workers]

    @functools.cached_property
    def _work(self) -> Work:
        pieces = []
        for array in self._packed.arrays:
            with array.raw() as content:
                piece = self._memory.allocate(max(1, content.nbytes))
                piece.map[: content.nbytes] = content
                pieces.append(piece)
        return Work(self._packed.data, pieces, self._max_boxes, self._lock)


class Worker:
    """A process, from the side of the one that starts it. Threads may share it."""

    def __init__(self, work: Work, descriptors: tuple[int, ...]):
        ours, theirs = socket.socketpair()
        program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
        environment = {**os.environ, **ENVIRONMENT}
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    env=environment,
                    pass_fds=(theirs.fileno(), *descriptors),
                )
            except OSError as error:
                ours.close()
                raise RunFailure(
                    f"A process that makes samples cannot be started: {error.strerror}. Use fewer (`pipeline.workers`)."
                ) from None
        self._socket, self._connection = ours, Connection(os.dup(ours.fileno()))
        self._receiver = ThreadPoolExecutor(1)  # answers come in the order of the questions
        self._asking = threading.Lock()
        with suppress(ConnectionError):  # what has ended is told when it is asked
            self._connection.send(work)

    def ask(self, batch: int, piece: Piece) -> Future[None]:
        """To make rows of a batch in this memory, as many as it can get."""
        with self._asking:
            with suppress(ConnectionError):
                self._connection.send((batch, piece))
            return self._receiver.submit(self._answer)

    def _answer(self) -> None:
        try:
            failure: Failure | None = self._connection.recv()
        except (EOFError, ConnectionError):
            raise RunFailure(self._death()) from None
        if failure is None:
            return
        if isinstance(failure.error, DetectError):
            raise failure.error
        raise failure.error from RuntimeError(f"in a process that makes samples:\n{failure.trace}")

    def _death(self) -> str:
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
        return (
            f"A process that makes samples has ended {how}. If the system killed it for want of memory, use fewer "
            "(`pipeline.workers`), or keep fewer pictures (`pipeline.cache_gigabytes`)."
        )

    def hang_up(self) -> None:
        """The worker ends when it next listens, or has something to say."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """After `hang_up`: wait for it, but not forever."""
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._receiver.shutdown()
        self._connection.close()
        self._socket.close()


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.hang_up()
    while workers:
        workers.pop().end()


class Lent:
    """Pieces of memory for batches. One is free again when no array is left that has it."""

    def __init__(self, memory: SharedMemory, size: int):
        self._memory, self._size = memory, size
        self._free: list[Piece] = []
        self._allocated = 0

    def count(self) -> int:
        """How many pieces are lent."""
        return self._allocated - len(self._free)

    def lend(self) -> tuple[Piece, np.ndarray]:
        """A piece whose header is 0, and its bytes as an array."""
        try:
            piece = self._free.pop()
        except IndexError:
            piece = self._memory.allocate(self._size)
            self._allocated += 1
        piece.map[:HEADER] = bytes(HEADER)
        return piece, np.asarray(_Loan(piece, self._free))


class _Loan:
    """What arrays of lent memory have for a base, and their views: it goes when the last of them goes."""

    def __init__(self, piece: Piece, free: list[Piece]):
        self.__array_interface__ = np.frombuffer(piece.map, np.uint8).__array_interface__
        self._piece, self._free = piece, free

    def __del__(self):
        self._free.append(self._piece)


def copied(memory: np.ndarray) -> np.ndarray:
    """The same bytes in memory of their own."""
    copy = aligned(len(memory))
    copy[:] = memory
    return copy
