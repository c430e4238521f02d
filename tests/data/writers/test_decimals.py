"""Short decimals that are the same float32."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detect.data.writers.decimals import decimals, text


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (10.2, "10.2"), (48, "48"), (0.1 + 0.2, "0.3"), (639.98, "639.98"), (1 / 3, "0.33333334")],
)
def test_values_are_written_shortly(value, written):
    assert text(decimals(np.float32([value])).item()) == written


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 1e5, width=32)))
def test_texts_are_read_as_the_same_float32(values):
    texts = [text(value) for value in decimals(values).ravel().tolist()]
    np.testing.assert_array_equal(np.array(list(map(float, texts))).astype(np.float32), values.ravel())
