"""ONNX, run by ONNX Runtime on the CPU; `docs/clients` has programs in Python and C++."""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="ONNX Runtime, in many programming languages",
    file="{height}x{width}.onnx",
    runs_with=("onnxruntime",),
    writes_with=("onnx", "tf2onnx"),
    precisions=("float32", "float16", "int8"),
    mixed=("float16", "int8"),
)
