import pickle

import numpy as np

from detect.data.samples.shared_memory import SharedMemory


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
