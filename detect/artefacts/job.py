"""What a format's module is asked to write."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.artefacts.artefact_backend import model_file
from detect.artefacts.export_card import INPUTS, Canvas, ExportCard, Precision
from detect.artefacts.steps import candidates_step, frozen
from detect.config import to_json
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.predict_step import predict_step


@dataclass(frozen=True)
class Job:
    """One export.

    Attributes:
        detector: with its weights.
        card: of the model as the export is, with its size and its way of fitting pictures.
        export: the card of the export; it has no check before that is written.
        folder: where its files go.
        pictures: images [H, W, 3] on the usual canvas, as users will give them, for int8; else none.
    """

    detector: Detector
    card: ModelCard
    export: ExportCard
    folder: Path
    pictures: list[np.ndarray] = field(default_factory=list)

    @property
    def precision(self) -> Precision:
        return self.export.precision

    @property
    def dtype(self) -> tf.DType:
        """Of the images."""
        return tf.as_dtype(self.card.fit.placement(1, 1, self.card.image_size).dtype)

    @property
    def texts(self) -> dict[str, str]:
        """What is written into the file too, where a format can hold it."""
        return {"model": to_json(self.card), "export": to_json(self.export)}

    def files(
        self, suffix: str, plain: bool = False
    ) -> Iterator[tuple["tf.types.experimental.ConcreteFunction", Path, Canvas]]:
        """The step for each canvas, see `frozen`, the file that it goes into, and the canvas."""
        for canvas, path in zip(self.export.canvases, self.paths(suffix), strict=True):
            yield frozen(self.step(canvas), plain), path, canvas

    def paths(self, suffix: str) -> list[Path]:
        """The files of the canvases."""
        return [model_file(self.folder, *canvas, suffix) for canvas in self.export.canvases]

    def step(self, canvas: Canvas, xla: bool = False) -> "tf.types.experimental.PolymorphicFunction":
        """For images of this height and width: `INPUTS` to `OUTPUTS`, or some of them to `Candidates`."""
        if self.export.suppression is not None:
            return candidates_step(self.detector, canvas, self.dtype, self.export.batch, xla)
        return predict_step(self.detector, *canvas, self.dtype, xla, self.export.batch)

    def calls(self, canvas: Canvas) -> list[dict[str, np.ndarray]]:
        """Inputs by name, for one call after the other that show all pictures, cut to this canvas, to its step."""
        height, width = canvas
        batch, count = self.export.batch or 1, len(self.pictures)
        extents = np.tile(np.array(canvas, np.float32), (batch, 1))
        thresholds = np.array(self.export.confidence, np.float32), np.array(self.export.iou, np.float32)
        calls = []
        for start in range(0, count, batch):
            rows = [row % count for row in range(start, start + batch)]  # the first ones again where the last are few
            images = np.stack([self.pictures[row][:height, :width] for row in rows])
            inputs = dict(zip(INPUTS, (images, extents, *thresholds), strict=True))
            calls.append({name: inputs[name] for name in self.export.inputs})
        return calls
