"""SavedModel, run by TensorFlow and TensorFlow Serving without Keras and without this toolkit.

It has no int8, for which TensorFlow has no faster kernels on CPUs or GPUs. It is a program: its graph may have
operations that read and write files. So one that another installation has made is run only with `--trust`.
"""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="TensorFlow and TensorFlow Serving, from encoded images to boxes",
    file="1",  # a folder with a signature for each size; TensorFlow Serving takes the name as the version
    runs_with=("tensorflow",),
    precisions=("float32", "float16"),
    is_program=True,
)


def signature_name(height: int, width: int) -> str:
    """Return the name of the signature for images of this size."""
    return f"images_{height}x{width}"
