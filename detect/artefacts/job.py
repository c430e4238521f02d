"""One export, as the writer of its format gets it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.artefacts.artefact_backend import model_file
from detect.artefacts.export_card import INPUTS, Canvas, ExportCard, Precision
from detect.artefacts.steps import candidates_step, combined_decode, frozen
from detect.config import to_json
from detect.models import create
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.predict_step import predict_step
from detect.ops.compiling import Runtime


@dataclass(frozen=True)
class Job:
    """One export.

    Attributes:
        detector: with its weights.
        card: of the model as the export is, with its image size and its way of fitting images.
        export: the card of the export; before the export is written it has no check.
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
        """Precision of the weights in the file."""
        return self.export.precision

    @property
    def dtype(self) -> tf.DType:
        """Type of the images."""
        return tf.as_dtype(self.card.fit.placement(1, 1, self.card.image_size).dtype)

    @property
    def texts(self) -> dict[str, str]:
        """Texts by name that are written into the file too, where a format can hold them."""
        return {"model": to_json(self.card), "export": to_json(self.export)}

    def built_for(self, runtime: Runtime) -> "Job":
        """Return the job with the detector built for what will run the export, with the same weights."""
        detector = create(self.card.model, len(self.card.classes), runtime=runtime, **self.card.config)
        detector.set_weights(self.detector.get_weights())
        return replace(self, detector=detector)

    def files(
        self, suffix: str, combined: bool = False
    ) -> Iterator[tuple["tf.types.experimental.ConcreteFunction", Path, Canvas]]:
        """Yield the step for each canvas, see `frozen`; the file that it goes into; and the canvas.

        `combined` asks for suppression in a single operation, see `combined_decode`.
        """
        for canvas, path in zip(self.export.canvases, self.paths(suffix), strict=True):
            yield frozen(self.step(canvas, combined=combined)), path, canvas

    def paths(self, suffix: str) -> list[Path]:
        """Return the files of the canvases."""
        return [model_file(self.folder, *canvas, suffix) for canvas in self.export.canvases]

    def step(
        self, canvas: Canvas, xla: bool = False, combined: bool = False
    ) -> "tf.types.experimental.PolymorphicFunction":
        """Return the step for images of one size: `INPUTS` to `OUTPUTS`, or some of them to `Candidates`."""
        batch = self.export.batch
        if self.export.suppression is not None:
            return candidates_step(self.detector, canvas, self.dtype, batch, xla)
        decode = combined_decode(self.detector) if combined else self.detector.decode
        return predict_step(self.detector, *canvas, self.dtype, xla, batch, decode)

    def calls(self, canvas: Canvas) -> list[dict[str, np.ndarray]]:
        """Return inputs by name for calls of the step for this canvas that show it all pictures, cut to the canvas."""
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
