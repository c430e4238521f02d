"""OpenVINO, run on the CPU.

Everything that is not int8 is computed in float32, but for models in `bfloat16`: these are computed in bfloat16 where
OpenVINO prefers that on the processor (AVX512-BF16, AMX), and in float32 elsewhere. `detect export` says in which of
the two an export was compared with its original.
"""

from detect.artefacts.format import Format

PRODUCTS = ("Convolution", "GroupConvolution", "MatMul")  # operations that have weights


def bfloat16_type() -> str:
    """Return the type that models in bfloat16 are computed in on this processor: bfloat16, or float32."""
    import openvino

    preferred = openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT")
    return "bfloat16" if preferred == openvino.Type.bf16 else "float32"


FORMAT = Format(
    summary="OpenVINO, usually the fastest on CPUs",
    file="{height}x{width}.xml",  # the weights lie beside it
    runs_with=("openvino",),
    int8_with=("nncf",),
    precisions=("float32", "float16", "bfloat16", "int8"),
    mixed=("float16", "int8"),
    bfloat16_type=bfloat16_type,
)
