"""Export operations and steps as StableHLO with their inputs, for a machine with a GPU and XLA but no TensorFlow.

    python tools/export_stablehlo_cases.py FOLDER                     all cases
    python tools/export_stablehlo_cases.py FOLDER nms train           only cases whose names contain one of these words
    python tools/export_stablehlo_cases.py FOLDER --list              the names of all cases

Each case becomes a folder with these files:

    module.mlir     the StableHLO text
    inputs.npz      the arguments of its `main` by position, without those that `measuring.operands` can compute again
    operands.json   how to compute these
    outputs.npz     for operations: what TensorFlow computes on this machine; a part of each large result

So that the files of a step stay small, `operands.json` also says which inputs are random kernels of which shape, and
the average of the weights is zeros.
"""

import argparse
import functools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from measuring import operands
from measuring.exported_steps import Case, network, prediction, training

from detect.ops.assignment import sim_ota
from detect.ops.boxes import iou
from detect.ops.compiling import Runtime
from detect.ops.losses import sigmoid_focal
from detect.ops.matching import match_by_iou
from detect.ops.nms import non_maximum_suppression
from detect.ops.roi_align import pyramid_roi_align

PRECISIONS = {"bfloat16": "mixed_bfloat16", "float32": "float32"}  # policies of Keras
ARGUMENTS = re.compile(r"func\.func @main\((?P<arguments>.*?)\) -> ", re.DOTALL)
ARGUMENT = re.compile(r"%arg\d+: tensor<(?P<type>[^>]+)>")
TRUTHS = re.compile(r'dense<"0x(?P<bytes>[0-9A-F]+)"> : tensor<(?P<shape>[0-9x]+)xi1>')
COPY = re.compile(r"mhlo\.copy (?P<value>%\w+) : (?P<type>tensor<[^>]*>)")
# Weights that are updated in place. Without this attribute, calls can be repeated.
ALIASES = re.compile(r"mhlo\.input_output_alias = \[.*?\](?=, mhlo\.)")
TYPES = {"i1": "bool", "ui8": "uint8", "i32": "int32", "i64": "int64", "f32": "float32", "bf16": "bfloat16"}


def main() -> None:
    arguments = parse_arguments()
    words = [word.lower() for word in arguments.words] or [""]
    chosen = [name for name in CASES if any(word in name for word in words)]
    for name in chosen:
        if not arguments.list:
            write(CASES[name], arguments.folder / name)
        print(name, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder in which a folder per case is created")
    parser.add_argument("words", nargs="*", help="cases whose names contain one of these; default: all")
    parser.add_argument("--list", action="store_true", help="only print their names")
    return parser.parse_args()


def write(make: Callable[[Runtime], Case], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    case = make("accelerator")
    function = tf.function(case.function, autograph=False, jit_compile=True)
    inputs = inputs_of(function, case.arguments)
    text = function.experimental_get_compiler_ir(*case.arguments)(stage="stablehlo")
    check_arguments(text, inputs)
    text = ALIASES.sub("mhlo.input_output_alias = []", text)
    text = COPY.sub(r"stablehlo.reshape \g<value> : (\g<type>) -> \g<type>", TRUTHS.sub(one_byte_each, text))
    (folder / "module.mlir").write_text(text, encoding="utf-8")
    write_inputs(inputs, case.operands, folder)
    if case.answers:
        outputs = tf.nest.flatten(tf.function(make("local").function, autograph=False)(*case.arguments))
        np.savez_compressed(folder / "outputs.npz", *(operands.part(output.numpy()) for output in outputs))


def write_inputs(inputs: list[np.ndarray], call: str, folder: Path) -> None:
    made = operands.made_by(call) if call else []
    saved, places, drawn = {}, {}, {}
    for position, value in enumerate(inputs):
        index = next((index for index, other in enumerate(made) if np.array_equal(value, other)), None)
        if index is None and operands.is_drawn(value.shape) and np.array_equal(value, operands.weights(*value.shape)):
            drawn[position] = value.shape
        elif index is None:
            saved[str(position)] = value
        else:
            places[position] = index
    np.savez_compressed(folder / "inputs.npz", **saved)  # type: ignore[arg-type]
    (folder / "operands.json").write_text(json.dumps({"call": call, "places": places, "drawn": drawn}))


def inputs_of(function: tf.types.experimental.PolymorphicFunction, arguments: tuple[Any, ...]) -> list[np.ndarray]:
    """Return what the compiled function reads: its arguments and the values of what it captured."""
    concrete = function.get_concrete_function(*arguments)
    variables = {id(variable.handle): variable for variable in concrete.variables}
    captured = [variables.get(id(tensor), tensor) for tensor in concrete.captured_inputs]
    given = [value for value in tf.nest.flatten(arguments) if value is not None]
    return [value.numpy() for value in (*given, *captured)]


def check_arguments(text: str, inputs: list[np.ndarray]) -> None:
    """Raise ValueError unless the module has these arguments: XLA removes those that it finds to be constant."""
    found = ARGUMENTS.search(text)
    types = [match["type"] for match in ARGUMENT.finditer(found["arguments"])] if found else []
    wanted = ["x".join(map(str, (*value.shape, short_name(value)))) for value in inputs]
    if types != wanted:
        differing = next((pair for pair in zip(types, wanted, strict=False) if pair[0] != pair[1]), None)
        raise ValueError(f"expected {len(wanted)} arguments, got {len(types)}; the first that differs: {differing}")


def one_byte_each(constant: re.Match[str]) -> str:
    """Return a boolean constant as newer versions of MLIR read it; TensorFlow's packs eight values into a byte."""
    shape = [int(length) for length in constant["shape"].split("x")]
    packed = np.frombuffer(bytes.fromhex(constant["bytes"]), np.uint8)
    values = np.unpackbits(packed, count=math.prod(shape), bitorder="little")
    return f'dense<"0x{values.tobytes().hex().upper()}"> : tensor<{constant["shape"]}xi1>'


def short_name(value: np.ndarray) -> str:
    return next(short for short, name in TYPES.items() if name == value.dtype.name)


# Operations, at the sizes of the measurements


def pairwise_iou(runtime: Runtime) -> Case:
    anchors, boxes = map(tf.constant, operands.matching_operands())
    return Case(lambda anchors, boxes: iou(anchors[None], boxes), (anchors, boxes), "matching_operands")


def matching(runtime: Runtime) -> Case:
    anchors, boxes = map(tf.constant, operands.matching_operands())
    labels = tf.zeros(boxes.shape[:2], tf.int32)
    arguments = (anchors, boxes, labels, tf.zeros(labels.shape, tf.bool))
    return Case(lambda *case: match_by_iou(*case, runtime=runtime), arguments, "matching_operands")


def assignment(runtime: Runtime) -> Case:
    arguments = tuple(map(tf.constant, operands.sim_ota_operands()))
    arguments = (*arguments, tf.zeros(arguments[-1].shape, tf.bool))
    return Case(lambda *case: sim_ota(*case, runtime=runtime), arguments, "sim_ota_operands")


def focal(runtime: Runtime) -> Case:
    """Return the case of the focal loss and its gradient."""

    def value_and_gradient(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = tf.reduce_sum(sigmoid_focal(logits, labels))
        return loss, tape.gradient(loss, logits)

    return Case(value_and_gradient, tuple(map(tf.constant, operands.focal_operands())), "focal_operands")


def suppression(runtime: Runtime, images: int, count: int) -> Case:
    """Return the case from the scores of all classes to boxes."""

    def suppress(boxes: tf.Tensor, scores: tf.Tensor, overlap: tf.Tensor, confidence: tf.Tensor) -> Any:
        return non_maximum_suppression(
            boxes,
            scores,
            iou=overlap,
            confidence=confidence,
            max_detections=operands.KEPT,
            candidates=operands.CANDIDATES,
            runtime=runtime,
        )

    thresholds = tf.constant(operands.OVERLAP), tf.constant(operands.CONFIDENCE)
    arguments = (*map(tf.constant, operands.boxes_and_scores(images, count)), *thresholds)
    return Case(suppress, arguments, f"boxes_and_scores {images} {count}")


def pooling(runtime: Runtime, gradient: bool = False) -> Case:
    """Return the case of RoIAlign, or of the sum of its squared results and their gradient."""
    levels, boxes = operands.pyramid_operands()

    def pool(levels: list[tf.Tensor], boxes: tf.Tensor) -> tf.Tensor:
        return pyramid_roi_align(levels, boxes, strides=operands.PYRAMID_STRIDES, size=7, samples=2, runtime=runtime)

    def gradient_of_squares(levels: list[tf.Tensor], boxes: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(levels)
            total = tf.reduce_sum(pool(levels, boxes) ** 2)
        return tape.gradient(total, levels)

    arguments = [tf.constant(level) for level in levels], tf.constant(boxes)
    return Case(gradient_of_squares if gradient else pool, arguments, "pyramid_operands")


CASES: dict[str, Callable[[Runtime], Case]] = {
    "iou": pairwise_iou,
    "matching": matching,
    "sim_ota": assignment,
    "focal": focal,
    "nms_1": lambda runtime: suppression(runtime, 1, operands.POINTS),
    "nms_8": lambda runtime: suppression(runtime, operands.IMAGES, operands.POINTS),
    "roi_align": pooling,
    "roi_gradient": functools.partial(pooling, gradient=True),
    "network_yolox-s": lambda runtime: network(runtime, "yolox-s", 64, 640),
    "train_yolox-s": lambda runtime: training(runtime, "yolox-s", 64, 640),
    "train_retinanet-r50": lambda runtime: training(runtime, "retinanet-r50", 32, 512),
    "train_dfine-n": lambda runtime: training(runtime, "dfine-n", 32, 640),
    "train_fasterrcnn-r50": lambda runtime: training(runtime, "fasterrcnn-r50", 16, 640),
    **{
        f"predict_{name}_{count}_{precision}": functools.partial(
            prediction, name=name, count=count, side=640, precision=PRECISIONS[precision]
        )
        for name in ("yolox-s", "retinanet-r50")
        for count in (1, 32)
        for precision in PRECISIONS
    },
}


if __name__ == "__main__":
    main()
