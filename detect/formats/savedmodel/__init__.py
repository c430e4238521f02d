"""SavedModel, run by TensorFlow and TensorFlow Serving without Keras and without this toolkit.

It has no int8, for which TensorFlow has no faster kernels on CPUs or GPUs.
"""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="TensorFlow and TensorFlow Serving, from encoded images to boxes",
    file="1",  # a folder with a signature for each size; TensorFlow Serving takes the name as the version
    runs_with=("tensorflow",),
    precisions=("float32", "float16"),
)


def signature_name(height: int, width: int) -> str:
    """Return the name of the signature for images of this size."""
    return f"images_{height}x{width}"
