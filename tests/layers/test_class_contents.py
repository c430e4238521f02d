"""Vectors of classes, and zeros for no class."""

import numpy as np

from detect.layers.class_contents import ClassContents


def test_each_class_has_its_column_and_no_class_has_zeros():
    contents = ClassContents(classes=3, channels=2)
    contents.build(None)
    contents.vectors.assign([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(contents(np.int32([[2, 0, 3]])), [[[3, 6], [1, 4], [0, 0]]])
