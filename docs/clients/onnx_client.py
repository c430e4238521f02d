"""A detector exported with `detect export --format onnx`, in Python with ONNX Runtime, NumPy and Pillow alone.

python onnx_client.py exports/onnx photo.jpg [CONFIDENCE]

Prints a line for each object: name, score, x1, y1, x2, y2 in pixels of the picture.
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
    height, width = export["canvases"][0]
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    scale = min(height / picture.height, width / picture.width)
    extent = (picture.height * scale, picture.width * scale)  # rows and columns that the picture takes

    canvas = Image.new("RGB", (width, height), tuple(round(value) for value in model["fit"]["padding"]))
    canvas.paste(picture.resize((round(extent[1]), round(extent[0])), Image.Resampling.BOX))
    session = onnxruntime.InferenceSession(Path(folder, f"{height}x{width}.onnx"))
    kind = np.float32 if model["fit"]["resampling"] == "exact" else np.uint8
    inputs = {
        "images": np.asarray(canvas, kind)[None],
        "extents": np.array([extent], np.float32),
        "confidence": np.array(confidence, np.float32),
        "iou": np.array(export["iou"], np.float32),
    }
    for box, score, label in zip(*(part[0] for part in session.run(None, inputs)), strict=True):
        if label >= 0:  # best first, then padding
            print(model["classes"][label], f"{score:.4f}", *(f"{edge:.2f}" for edge in box / scale))


if __name__ == "__main__":
    main(*sys.argv[1:])
