"""The model that an export is made of, and the images on which both are compared."""

import functools
from collections.abc import Callable
from pathlib import Path

from detect.artefacts.export_card import Check
from detect.data.dataset import Dataset
from detect.data.records import Records
from detect.evaluation.evaluation_run import evaluate
from detect.evaluation.operating_points import operating_points, with_thresholds
from detect.export.check import compare
from detect.inference.exports import open_artefact
from detect.inference.predictor import Model
from detect.inference.sample_images import generated_images, images_of
from detect.models.card import ModelCard, load_card
from detect.models.detector import Detector

COMPARED = 32  # images of the dataset on which single detections are compared


class Original:
    """A model in TensorFlow, with what its exports are compared on.

    Attributes:
        model: the model.
        records: the part of the dataset to score on; None if there is no dataset.
        say: is told which images are left out.
    """

    def __init__(
        self, model: Model, dataset: Dataset | None, split: str, records: Records | None, say: Callable[[str], None]
    ):
        self.model, self.records, self.say = model, records, say
        self._dataset, self._split = dataset, split

    @property
    def is_scored(self) -> bool:
        """Whether there is something to find in the images."""
        return self.records is not None and not self.records.ignore.all()  # of no boxes, all are

    @functools.cached_property
    def score(self) -> float:
        """AP of the model."""
        return self._scored(self.model)

    def score_of(self, folder: Path) -> float:
        """Return the AP of the export in a folder."""
        return self._scored(opened(folder))

    def with_thresholds(self, folder: Path, card: ModelCard) -> ModelCard:
        """Return the card of the export in a folder with thresholds of its own, for the goal that it has."""
        assert self._dataset is not None
        assert card.goal is not None
        points = operating_points(evaluate(opened(folder), self._dataset, self._split), card.goal)
        return with_thresholds(card, points, card.goal)

    def check(self, folder: Path, detector: Detector | None) -> Check:
        """Compare with the export in a folder on images of all its sizes, and with a dataset by AP.

        Each is run as its users run it.

        Args:
            folder: of the export.
            detector: see `compare`.
        """
        exported = opened(folder)
        images, shown = self._images(exported)
        check = compare(self.model, exported, images, shown, detector)
        scores = {"AP": self._scored(exported), "AP_of_original": self.score} if self.is_scored else {}
        return check.model_copy(update=scores)

    def _images(self, exported: Model) -> tuple[list, str]:
        """Return images, and what they are."""
        square, *others = exported.backend.canvases
        if self.records is None or self._dataset is None:
            images, shown = generated_images(exported, square), "generated images"
        else:
            images = images_of(exported, self.records, COMPARED, self.say)
            shown = f"images of {self._dataset.source}, {self._split}, and generated images"
        return images + [image for canvas in others for image in generated_images(exported, canvas)], shown

    def _scored(self, model: Model) -> float:
        assert self._dataset is not None
        return evaluate(model, self._dataset, self._split).AP


def opened(folder: Path) -> Model:
    """Return the export in a folder, with its card as it is."""
    return Model(open_artefact(folder), load_card(folder))
