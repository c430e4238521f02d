"""One export, as the writer of its format gets it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.artefacts.export_card import INPUTS, ExportCard
from detect.artefacts.format import Canvas, Format, Precision
from detect.artefacts.steps import candidates_step, combined_decode
from detect.config import to_json
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.predict_step import predict_step, with_constant_weights
from detect.ops.compiling import Runtime


@dataclass(frozen=True)
class Job:
    """One export.

    Attributes:
        format: the format that is written.
        detector: the model with its weights.
        card: the card of the exported model, with its image size and its way of fitting images.
        export: the card of the export; it has no check while the models are written.
        folder: where the files go.
        images: for int8 to be calibrated on, [H, W, 3] as they are placed on the first canvas; empty otherwise.
        kept: names of products that stay in float32, of those that a `Network` has.
    """

    format: Format
    detector: Detector
    card: ModelCard
    export: ExportCard
    folder: Path
    images: list[np.ndarray] = field(default_factory=list)
    kept: frozenset[str] = frozenset()

    @property
    def precision(self) -> Precision:
        """The precision of the weights in the file."""
        return self.export.precision

    @property
    def dtype(self) -> tf.DType:
        """The dtype of the images that the model takes."""
        return tf.as_dtype(self.card.fit.placement(1, 1, self.card.image_size).dtype)

    @property
    def texts(self) -> dict[str, str]:
        """Both cards as JSON by name, for formats that can hold texts in a model."""
        return {"model": to_json(self.card), "export": to_json(self.export)}

    def path(self, canvas: Canvas) -> Path:
        """Return the file or folder of the model for images of this size."""
        return self.format.path(self.folder, canvas)

    @property
    def paths(self) -> list[Path]:
        """The models of all canvases."""
        return list(dict.fromkeys(map(self.path, self.export.canvases)))

    def built_for(self, runtime: Runtime) -> "Job":
        """Return the job with the detector built for what will run the export, with the same weights."""
        if self.detector.runtime == runtime:
            return self
        detector = self.detector.like(runtime=runtime)
        detector.set_weights(self.detector.get_weights())
        return replace(self, detector=detector)

    def step(
        self, canvas: Canvas, *, xla: bool = False, combined: bool = False
    ) -> "tf.types.experimental.PolymorphicFunction":
        """Return the step for images of one size.

        Args:
            canvas: height and width of the images, pixels.
            xla: whether XLA compiles it.
            combined: whether suppression is a single operation, see `combined_decode`.

        Returns:
            A function from `INPUTS` to `OUTPUTS`; where suppression is left to the client, from the card's `inputs` to
            `Candidates`.
        """
        batch = self.export.batch
        if self.export.suppression is not None:
            return candidates_step(self.detector, canvas, self.dtype, batch, xla)
        decode = combined_decode(self.detector) if combined else self.detector.decode
        return predict_step(self.detector, *canvas, self.dtype, xla, batch, decode)

    def frozen_step(self, canvas: Canvas, combined: bool = False) -> "tf.types.experimental.ConcreteFunction":
        """Return `step` as a graph with its weights as constants, which is what converters take."""
        return with_constant_weights(self.step(canvas, combined=combined), self.detector)

    def calibration_inputs(self, canvas: Canvas) -> list[dict[str, np.ndarray]]:
        """Return inputs of `step` by name, one dictionary per call, that together show all images cut to the canvas."""
        height, width = canvas
        batch, count = self.export.batch or 1, len(self.images)
        extents = np.tile(np.array(canvas, np.float32), (batch, 1))
        thresholds = np.array(self.export.confidence, np.float32), np.array(self.export.iou, np.float32)
        calls: list[dict[str, np.ndarray]] = []
        for start in range(0, count, batch):
            rows = [row % count for row in range(start, start + batch)]  # the last batch ends with the first images
            images = np.stack([self.images[row][:height, :width] for row in rows])
            inputs = dict(zip(INPUTS, (images, extents, *thresholds), strict=True))
            calls.append({name: inputs[name] for name in self.export.inputs})
        return calls
