"""LiteRT, formerly TensorFlow Lite, for phones and single-board computers.

Its suppression handles one image, so a call takes one image. `int8-weights` stores the weights in int8 and computes in
float32, for which no dataset is needed.
"""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="LiteRT (TensorFlow Lite), for phones and single-board computers",
    file="{height}x{width}.tflite",
    runs_with=("ai_edge_litert",),
    int8_with=("ai_edge_quantizer",),
    precisions=("float32", "float16", "int8", "int8-weights"),
    mixed=("int8", "int8-weights"),
    batch="one",  # its suppression handles one image
)
