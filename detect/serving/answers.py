"""What the server answers, in JSON."""

from pydantic import BaseModel, ConfigDict

from detect.inference.drawing import colour
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.models.card import least_scores
from detect.serving.request_limits import RequestLimits


class Content(BaseModel):
    """The content of an answer; the texts below its fields are their descriptions for clients."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class FoundObject(Content):
    """An object in an image."""

    label: int
    """Number of the class, from 0."""
    name: str
    """Name of the class."""
    score: float
    """From 0 to 1."""
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the upright image."""


class Answer(Content):
    """What a model has found in an image."""

    model: str
    """Name of the model."""
    width: int
    """Of the upright image, pixels."""
    height: int
    """Of the upright image, pixels."""
    objects: list[FoundObject]
    """What was found, the best score first."""


class ServedClass(Content):
    """A class of a model."""

    name: str
    """Name of the class."""
    colour: str
    """The colour in which `detect` draws it, such as `#0072b2`."""
    confidence: float
    """Its objects have scores above this, unless a request has another `confidence`."""


class ServedModel(Content):
    """A model that answers."""

    name: str
    """Name for `model` in requests."""
    image_size: int
    """Size that images are resized to, pixels."""
    runs_in: str
    """What runs it: `tensorflow`, or the format of an export."""
    classes: list[ServedClass]
    """The classes, by label."""


class Offer(Content):
    """The models of a server, and the most that it takes."""

    models: list[ServedModel]
    """The first one answers requests that name none."""
    most_bytes: int
    """Of a request."""
    most_pixels: int
    """Of an image."""


class Problem(Content):
    """Why a request was refused, or failed."""

    error: str
    """What was expected, what came, and what to do."""


def answer_of(name: str, result: Result) -> Answer:
    """Return what clients are told of a result of the model of this name."""
    objects = [FoundObject(**found._asdict()) for found in result]
    return Answer(model=name, width=result.width, height=result.height, objects=objects)


def offer_of(models: dict[str, Model], limits: RequestLimits) -> Offer:
    """Return what clients are told of the models, by name."""
    return Offer(
        models=[_served(name, model) for name, model in models.items()],
        most_bytes=limits.bytes,
        most_pixels=limits.pixels,
    )


def _served(name: str, model: Model) -> ServedModel:
    classes = [
        ServedClass(name=each, colour="#{:02x}{:02x}{:02x}".format(*colour(label)), confidence=float(least))
        for label, (each, least) in enumerate(zip(model.classes, least_scores(model.card), strict=True))
    ]
    return ServedModel(name=name, image_size=model.image_size, runs_in=model.backend.name, classes=classes)
