"""A detector exported with `detect export --format onnx`, in Python with ONNX Runtime, NumPy and Pillow alone.

python onnx_client.py exports/onnx photo.jpg [CONFIDENCE]
python onnx_client.py exports/onnx --check

Prints a line for each object: name, score, x1, y1, x2, y2 in pixels of the picture. With --check, it runs the images in
golden.npz instead, prints what differs from what was found in them where the export was made, and then exits with 1.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def main(folder: str, path: str, confidence: str = "0.25") -> None:
    model = json.loads(Path(folder, "model.json").read_text())
    export = json.loads(Path(folder, "export.json").read_text())
    if path == "--check":
        sys.exit(check(Path(folder), model, export))
    height, width = export["canvases"][0]
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    scale = min(height / picture.height, width / picture.width)
    extent = (picture.height * scale, picture.width * scale)  # rows and columns that the picture takes

    canvas = Image.new("RGB", (width, height), tuple(round(value) for value in model["fit"]["padding"]))
    canvas.paste(picture.resize((round(extent[1]), round(extent[0])), Image.Resampling.BOX))
    session = onnxruntime.InferenceSession(Path(folder, f"{height}x{width}.onnx"))
    inputs = {
        "images": np.asarray(canvas, dtype_of(model))[None],
        "extents": np.array([extent], np.float32),
        "confidence": np.array(confidence, np.float32),
        "iou": np.array(export["iou"], np.float32),
    }
    for box, score, label in zip(*(part[0] for part in session.run(None, inputs)), strict=True):
        if label >= 0:  # best first, then padding
            print(model["classes"][label], f"{score:.4f}", *(f"{edge:.2f}" for edge in box / scale))


def dtype_of(model: dict) -> type:
    return np.float32 if model["fit"]["resampling"] == "exact" else np.uint8


def check(folder: Path, model: dict, export: dict) -> int:
    """Run the images in golden.npz through the model of each size, and return 1 if it finds something else in them."""
    golden, count = np.load(folder / "golden.npz"), 0
    for height, width in export["canvases"]:
        name = f"{height}x{width}"
        call = {key.removeprefix(f"{name}/"): values for key, values in golden.items() if key.startswith(f"{name}/")}
        cells = call["cells"].repeat(call["cell"], axis=1).repeat(call["cell"], axis=2)[:, :height, :width]
        images = np.stack([colours[image] for colours, image in zip(call["colours"], cells, strict=True)])
        inputs = {
            "images": images.astype(dtype_of(model)),
            **{key: call[key] for key in ("extents", "confidence", "iou")},
        }
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        results = zip(*session.run(["boxes", "scores", "labels"], inputs), strict=True)
        expected = zip(call["boxes"], call["scores"], call["labels"], strict=True)
        for image, (before, now) in enumerate(zip(expected, results, strict=True)):
            lines = [*differences("expected at", before, now, call), *differences("new at", now, before, call)]
            print(*(f"{name}: image {image}, {line}\n" for line in lines), sep="", end="")
            count += len(lines)
    print("It differs here from where it was made." if count else "It finds here what it found where it was made.")
    return int(count > 0)


def differences(what: str, ours: tuple, theirs: tuple, call: dict) -> list[str]:
    """Return what of the detections of an image, boxes, scores and labels, has no match that is the same."""
    likeness, lines = likeness_of(ours, theirs), []
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = ours, theirs
    end = call["confidence"] if their_labels[-1] < 0 else their_scores[-1]  # below it, their list may be cut off
    rows, others = np.flatnonzero(labels >= 0), likeness.argmax(axis=1)
    matched = (likeness.max(axis=1) > -2) & (likeness.argmax(axis=0)[others] == np.arange(len(labels)))
    many = (~matched[rows]).sum() > max(3, len(rows) / 2)  # so many are no ties
    for row in rows:
        lead = f"{what} position {row}: class {labels[row]}, {scores[row]:.4f}, at {boxes[row].round(1).tolist()}: "
        box, score = np.abs(boxes[row] - their_boxes[others[row]]).max(), abs(scores[row] - their_scores[others[row]])
        if not matched[row]:
            if many or scores[row] > end + call["score_tolerance"]:
                lines.append(f"{lead}the other side has none")
        elif not (box <= call["box_tolerance"] and score <= call["score_tolerance"]):
            lines.append(
                f"{lead}boxes differ by {box:.3g} pixels ({call['box_tolerance']:.3g} allowed), "
                f"scores by {score:.3g} ({call['score_tolerance']:.3g} allowed)"
            )
    return lines


def likeness_of(ours: tuple, theirs: tuple) -> np.ndarray:
    """Return how alike all pairs of detections are: their overlap less the difference of their scores.

    Boxes are taken a pixel larger on each side, so that empty ones overlap, too. It is -2 where boxes of one class
    overlap by less than a half, and for others.
    """
    grow = np.array([-1, -1, 1, 1], np.float32)
    a, b = ours[0][:, None] + grow, theirs[0][None] + grow
    common = np.prod(np.maximum(np.minimum(a, b)[..., 2:] - np.maximum(a, b)[..., :2], 0), axis=-1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (a, b)]
    overlap = common / (areas[0] + areas[1] - common)
    likeness = overlap - np.abs(ours[1][:, None] - theirs[1])
    return np.where((ours[2][:, None] == theirs[2]) & (theirs[2] >= 0) & (overlap >= 0.5), likeness, -2)


if __name__ == "__main__":
    main(*sys.argv[1:])
