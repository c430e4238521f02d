"""SAHI on an ONNX export of this project, as its users run a model of their own. Runs in the environment `sahi`.

    python tools/measuring/sahi_api.py MODEL.onnx OUT.json CONFIDENCE SIDE OVERLAP BATCH WHOLE IMAGE ...

WHOLE is 1 where it is also to see each image as a whole, which is its default. Writes COCO results, whose image ids are
the positions of the images, from 1, and prints seconds per image, without the first image.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import onnxruntime
from sahi.models.base import DetectionModel
from sahi.predict import get_sliced_prediction
from sahi.prediction import ObjectPrediction
from sahi.utils.compatibility import fix_full_shape_list, fix_shift_amount_list

CATEGORIES = {"1": "circle", "2": "square", "3": "triangle"}


class Exported(DetectionModel):
    """An export with the inputs images, extents, confidence and iou, for squares of `image_size` pixels."""

    def load_model(self) -> None:
        self.model = onnxruntime.InferenceSession(self.model_path, providers=["CPUExecutionProvider"])
        self.category_mapping = CATEGORIES

    def perform_inference(self, image: np.ndarray) -> None:
        self.perform_batch_inference([image])

    def perform_batch_inference(self, images: list[np.ndarray]) -> None:
        side = self.image_size
        canvases = np.full((len(images), side, side, 3), 114, np.uint8)
        extents = np.empty((len(images), 2), np.float32)
        for canvas, extent, image in zip(canvases, extents, images, strict=True):
            fitted = _fitted(image, side)
            canvas[: fitted.shape[0], : fitted.shape[1]] = fitted
            extent[:] = fitted.shape[:2]
        self._scales = [image.shape[1] / extent[1] for image, extent in zip(images, extents, strict=True)]
        values = {
            "images": canvases,
            "extents": extents,
            "confidence": np.array(self.confidence_threshold, np.float32),
            "iou": np.array(0.65, np.float32),
        }
        names = [given.name for given in self.model.get_inputs()]
        self._original_predictions = self.model.run(None, {name: values[name] for name in names})

    def _create_object_prediction_list_from_original_predictions(
        self, shift_amount_list: Any = None, full_shape_list: Any = None
    ) -> None:
        images = zip(*self._original_predictions, self._scales, strict=True)
        shifts = fix_shift_amount_list(shift_amount_list or [[0, 0]])
        shapes = fix_full_shape_list(full_shape_list) or [None] * len(self._scales)
        self._object_prediction_list_per_image = [
            [
                ObjectPrediction(
                    bbox=(box * scale).tolist(),
                    category_id=int(label) + 1,
                    category_name=CATEGORIES[str(int(label) + 1)],
                    score=float(score),
                    shift_amount=shifts[row],
                    full_shape=shapes[row],
                )
                for box, score, label in zip(boxes, scores, labels, strict=True)
                if label >= 0
            ]
            for row, (boxes, scores, labels, scale) in enumerate(images)
        ]


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image that fits into a square: slices of that size as they are."""
    import cv2

    scale = side / max(image.shape[:2])
    return image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def main(path: str, out: str, confidence: str, side: str, overlap: str, batch: str, whole: str, *images: str) -> None:
    model = Exported(model_path=path, confidence_threshold=float(confidence), image_size=int(side), device="cpu")
    results: list[dict[str, Any]] = []
    start = 0.0
    for number, image in enumerate(images, 1):
        found = get_sliced_prediction(
            image,
            model,
            slice_height=int(side),
            slice_width=int(side),
            overlap_height_ratio=float(overlap),
            overlap_width_ratio=float(overlap),
            perform_standard_pred=whole == "1",
            batch_size=int(batch),
            verbose=0,
        )
        results += found.to_coco_predictions(image_id=number)
        start = start or time.perf_counter()
    seconds = (time.perf_counter() - start) / (len(images) - 1)
    keys = ("image_id", "category_id", "bbox", "score")
    with open(out, "w", encoding="utf-8") as file:
        json.dump([{key: entry[key] for key in keys} for entry in results], file)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
