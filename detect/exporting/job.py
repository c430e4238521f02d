"""What a format's module is asked to write."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from detect.config import to_json
from detect.exporting.freezing import frozen_step
from detect.inference.artefact import ExportCard, Precision
from detect.inference.artefact_backend import model_file
from detect.models.card import ModelCard
from detect.models.detector import Detector


@dataclass(frozen=True)
class Job:
    """One export.

    Attributes:
        detector: with its weights.
        card: of the model as the export is, with its size and its way of fitting pictures.
        export: the card of the export, not yet checked.
        folder: where its files go.
    """

    detector: Detector
    card: ModelCard
    export: ExportCard
    folder: Path

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
    ) -> Iterator[tuple["tf.types.experimental.ConcreteFunction", Path]]:
        """The step for each canvas, see `frozen_step`, and the file that it goes into."""
        for canvas in self.export.canvases:
            path = model_file(self.folder, *canvas, suffix)
            yield frozen_step(self.detector, canvas, self.dtype, self.export.batch, plain), path
