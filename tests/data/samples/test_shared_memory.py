import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from detect.data.samples.shared_memory import CAN_SHARE, Lock, SharedMemory


def test_buffers_have_the_size_that_was_asked_for():
    memory = SharedMemory()
    buffers = [memory.allocate(size) for size in (0, 5000, 0, 3)]
    assert [len(buffer.bytes) for buffer in buffers] == [0, 5000, 0, 3]
    assert not any(bytes(buffer.bytes).strip(b"\0") for buffer in buffers)


def test_a_buffer_that_was_pickled_is_the_same_memory():
    memory = SharedMemory()  # whose descriptor is open while it exists
    buffer = memory.allocate(4)
    again = pickle.loads(pickle.dumps(buffer))
    buffer.bytes[:] = b"seen"
    assert bytes(again.bytes) == b"seen"


def test_an_empty_buffer_holds_an_empty_array():
    assert np.frombuffer(SharedMemory().allocate(0).bytes, np.float32).shape == (0,)


KILLED_HOLDER = """
import os, pickle, signal, sys
lock = pickle.loads(bytes.fromhex(sys.argv[1]))
lock.__enter__()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not CAN_SHARE, reason="worker processes need Linux")
def test_a_lock_whose_holder_was_killed_is_free():
    lock = Lock()
    command = [sys.executable, "-c", KILLED_HOLDER, pickle.dumps(lock).hex()]
    for _ in range(2):
        killed = subprocess.run(command, pass_fds=[lock.descriptor])
        assert killed.returncode == -signal.SIGKILL
        with lock:
            pass


def test_one_thread_holds_a_lock_at_a_time():
    lock, count = Lock(), 0
    copy = pickle.loads(pickle.dumps(lock))  # as in another process

    def add(lock):
        nonlocal count
        for _ in range(200):
            with lock:
                before = count
                time.sleep(0)  # lets the other threads run
                count = before + 1

    threads = [threading.Thread(target=add, args=(each,)) for each in (lock, lock, copy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 600
