"""What several test files use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import detect  # noqa: F401  (sets the environment before TensorFlow is imported)

# Two logical devices stand for two GPUs in tests of distribution. This must come before TensorFlow's first operation.
TWO_DEVICES = ["CPU:0", "CPU:1"]
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration() for _ in TWO_DEVICES]
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder}")
    return folder


@pytest.fixture
def two_devices() -> list[str]:
    """The names of two devices to spread a model over."""
    return TWO_DEVICES


@pytest.fixture(scope="session")
def recorded_state() -> Callable[[dict[str, list[int]]], dict[str, np.ndarray]]:
    """From names and shapes to the weights that torchvision's model had when its outputs were recorded."""

    def draw(shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
        random = np.random.RandomState(0)  # whose numbers NumPy promises never to change
        state = {}
        for name, shape in shapes.items():
            if name.endswith("running_var"):
                values = random.uniform(0.5, 1.5, shape)
            elif len(shape) == 4:
                values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
            elif name.endswith("weight"):
                values = random.uniform(0.5, 1, shape)
            else:
                values = random.standard_normal(shape) * 0.1
            state[name] = values.astype(np.float32)
        return state

    return draw
