"""Batches made of samples by threads or worker processes.

How a batch comes about: `tf.data` asks a `BatchMaker` for the batch with some number (`detect.data.pipeline`), and the
maker asks its pool of workers, a `ThreadPool` or a `ProcessPool`. A batch has as many slots as it has images. Free
workers take one slot after the other, get the sample for it from the `SampleSource`, and write its image, its boxes
padded to N (`padding`) and its index into that slot of the `BatchArrays`. What a slot holds depends on the numbers of
the batch and the slot only, so the number of workers does not change it.

The arrays lie in a buffer. That of a `ProcessPool` is shared with the worker processes, and TensorFlow takes it over
without a copy: the first bytes, the header, count the slots that are taken; the buffer comes from a `BufferPool` and
goes back there when no array uses it any more. Worker processes receive the source once, and then, for each batch, its
number and its buffer (`worker`). Decoded images are kept in a cache that all workers share (`detect.data.samples`).
"""
