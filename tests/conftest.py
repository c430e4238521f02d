"""What several test files use."""

from pathlib import Path

import pytest

import detect  # noqa: F401  (sets the environment before TensorFlow is imported)
import tensorflow as tf

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
