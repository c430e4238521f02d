"""A pool of worker processes: Python itself runs on all cores, and images come through shared memory, without a copy.

The processes are new interpreters that do not import TensorFlow: a copy of this process (`fork`) could hang on its
threads, and `multiprocessing` would run the user's script again in each of them.
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

from detect.data.batches.making import BatchArrays, SampleSource, aligned_buffer, arrays_in, bytes_per_batch
from detect.data.batches.worker import HEADER, Failure, WorkerSetup
from detect.data.samples.shared_memory import CAN_SHARE, Lock, SharedBuffer, SharedMemory
from detect.errors import DetectError, RunFailure

MOST_BUFFERS = 32  # in use at a time; each has a file descriptor, so further batches are copied
GRACE_SECONDS = 10  # for a worker to finish its slots when the pool is closed

# One thread per process. And glibc keeps freed memory for the next images: to return it to the system and get it again
# takes a twelfth of the time.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}
_PROGRAM = "import sys; sys.path[:] = {path!r}; from detect.data.batches.worker import main; main({descriptor})"


class PackedSource(NamedTuple):
    """A `SampleSource` for another process."""

    data: bytes  # pickled, without what lies in `arrays`
    arrays: list[pickle.PickleBuffer]


def pack(source: SampleSource) -> PackedSource | None:
    """Pickle a source for other processes.

    Returns:
        None where processes cannot be started, or could not unpickle the source, because a transform has functions
        without a name or of the user's own script.
    """
    arrays: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps(source, protocol=5, buffer_callback=arrays.append)
    except Exception:  # a user's class may raise anything here
        return None
    return PackedSource(data, arrays) if CAN_SHARE and sys.executable and b"__main__" not in data else None


class ProcessPool:
    """A pool of processes, which are started when they are first needed."""

    def __init__(
        self,
        source: SampleSource,
        packed: PackedSource,
        max_boxes: int,
        workers: int,
        largest: tuple[int, int],
        descriptors: tuple[int, ...] = (),
    ):
        """
        Args:
            source: what batches are made of.
            packed: the same source, packed.
            max_boxes: N.
            workers: number of processes.
            largest: height and width of the largest canvas.
            descriptors: file descriptors that the source needs in the processes.
        """
        self._source, self._packed, self._count, self._max_boxes = source, packed, workers, max_boxes
        self._memory, self._lock = SharedMemory(), Lock()
        self._buffers = BufferPool(self._memory, HEADER + bytes_per_batch(source, max_boxes, largest))
        self._descriptors = (*descriptors, self._memory.descriptor, self._lock.descriptor)
        self._workers: list[Worker] = []
        weakref.finalize(self, _end, self._workers).atexit = False  # when this process ends, they end by themselves
        self._starting = threading.Lock()

    def make(self, batch: int) -> BatchArrays:
        """Make the batch with this number, in a shared buffer that nothing else uses while its arrays exist."""
        workers, slots = self._started(), self._source.batch_size
        buffer, memory = self._buffers.acquire()
        # Where there are more workers than slots, different ones work on consecutive batches.
        chosen = [workers[(batch * slots + turn) % self._count] for turn in range(min(self._count, slots))]
        answers = [worker.submit(batch, buffer) for worker in chosen]
        wait(answers)  # also where one has failed: the others may still write
        for answer in answers:
            answer.result()
        if self._buffers.in_use() > MOST_BUFFERS:
            memory = copied(memory)
        return arrays_in(memory[HEADER:], self._source, self._max_boxes, self._source.canvas(batch))

    def processes(self) -> list[subprocess.Popen]:
        """Return the processes that are running."""
        with self._starting:
            return [worker.process for worker in self._workers]

    def close(self) -> None:
        """End the processes, after the slots that they have taken."""
        with self._starting:
            _end(self._workers)

    def _started(self) -> list["Worker"]:
        with self._starting:
            if not self._workers:
                self._workers.extend(Worker(self._setup, self._descriptors) for _ in range(self._count))
            return [*self._workers]

    @functools.cached_property
    def _setup(self) -> WorkerSetup:
        buffers = []
        for array in self._packed.arrays:
            with array.raw() as content:
                buffer = self._memory.allocate(content.nbytes)
                buffer.bytes[:] = content
                buffers.append(buffer)
        return WorkerSetup(self._packed.data, buffers, self._max_boxes, self._lock)


class Worker:
    """A worker process, as seen by its parent. Threads may share it.

    Attributes:
        process: the process.
    """

    def __init__(self, setup: WorkerSetup, descriptors: tuple[int, ...]):
        ours, theirs = socket.socketpair()
        program = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno())
        environment = {**os.environ, **ENVIRONMENT}
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.DEVNULL,
                    env=environment,
                    pass_fds=(theirs.fileno(), *descriptors),
                )
            except OSError as error:
                ours.close()
                raise RunFailure(
                    f"A worker process cannot be started: {error.strerror}. Use fewer of them (`pipeline.workers`)."
                ) from None
        self._socket, self._connection = ours, Connection(os.dup(ours.fileno()))
        self._receiver = ThreadPoolExecutor(1)  # answers come in the order of the requests
        self._submitting = threading.Lock()
        with suppress(ConnectionError):  # that it has ended is reported by the first request
            self._connection.send(setup)

    def submit(self, batch: int, buffer: SharedBuffer) -> Future[None]:
        """Request that free slots of a batch are filled in this buffer; the result is there when none is left."""
        with self._submitting:
            with suppress(ConnectionError):
                self._connection.send((batch, buffer))
            return self._receiver.submit(self._receive)

    def _receive(self) -> None:
        try:
            failure: Failure | None = self._connection.recv()
        except (EOFError, ConnectionError):
            raise RunFailure(self._how_it_ended()) from None
        if failure is None:
            return
        if isinstance(failure.error, DetectError):
            raise failure.error
        raise failure.error from RuntimeError(f"in a worker process:\n{failure.trace}")

    def _how_it_ended(self) -> str:
        code = self.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
        return (
            f"A worker process has ended {how}. If the system stopped it because memory ran out, use fewer workers "
            "(`pipeline.workers`) or a smaller cache of images (`pipeline.cache_gigabytes`)."
        )

    def disconnect(self) -> None:
        """Close the connection: the worker ends when it next reads from it or writes to it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait until the worker has ended, which `disconnect` made it do; kill it if that takes too long."""
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._receiver.shutdown()
        self._connection.close()
        self._socket.close()


def _end(workers: list[Worker]) -> None:
    for worker in workers:
        worker.disconnect()
    while workers:
        workers.pop().join()


class BufferPool:
    """Shared buffers for batches. One is free again when no array uses it any more."""

    def __init__(self, memory: SharedMemory, size: int):
        self._memory, self._size = memory, size
        self._free: list[SharedBuffer] = []
        self._allocated = 0

    def in_use(self) -> int:
        """Return the number of buffers that are in use."""
        return self._allocated - len(self._free)

    def acquire(self) -> tuple[SharedBuffer, np.ndarray]:
        """Return a buffer whose header is 0, and its bytes as an array, which occupies it with all its views."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = self._memory.allocate(self._size)
            self._allocated += 1
        buffer.bytes[:HEADER] = bytes(HEADER)
        return buffer, np.asarray(_BufferInUse(buffer, self._free))


class _BufferInUse:
    """The base of all arrays that use a buffer. NumPy drops it with the last of them, which frees the buffer."""

    def __init__(self, buffer: SharedBuffer, free: list[SharedBuffer]):
        self.__array_interface__ = np.frombuffer(buffer.bytes, np.uint8).__array_interface__
        self._buffer, self._free = buffer, free

    def __del__(self):
        self._free.append(self._buffer)


def copied(memory: np.ndarray) -> np.ndarray:
    """Return the same bytes in memory of their own."""
    copy = aligned_buffer(len(memory))
    copy[:] = memory
    return copy
