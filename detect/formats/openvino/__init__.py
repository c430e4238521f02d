"""OpenVINO, run on the CPU."""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="OpenVINO, usually the fastest on CPUs",
    file="{height}x{width}.xml",  # the weights lie beside it
    runs_with=("openvino",),
    int8_with=("nncf",),
    precisions=("float32", "float16", "int8"),
)
