"""Training samples: images from a cache, augmented and mixed.

A `SampleStream` gives the sample at every position of an endless stream. It takes decoded images from an `ImageCache`,
which threads and worker processes share, lets a user's transform change them, and paints a random view of one image, or
a mosaic of four, with another one mixed in.
"""
