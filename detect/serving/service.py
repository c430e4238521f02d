"""Answering requests with models: from the body of a request to a result, within limits."""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request

from detect.errors import BadInput, did_you_mean
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.inference.result_stream import result_of
from detect.machine import cores
from detect.serving.batching import Batcher
from detect.serving.metrics import Metrics
from detect.serving.request_limits import Admission, Refused, RequestLimits
from detect.serving.uploads import placed, uploaded

LOG = logging.getLogger("uvicorn.error")


class Service:
    """Models that answer requests, and what is shared by the requests.

    Attributes:
        models: by name; the first answers requests that name none.
        limits: what is taken at most.
        metrics: what is counted.
        admission: the requests in progress.
    """

    def __init__(self, models: Mapping[str, Model], limits: RequestLimits):
        self.models = dict(models)
        self.limits = limits
        self.metrics = Metrics()
        self.admission = Admission(limits.requests)
        self._decoders = ThreadPoolExecutor(cores(), "detect-decoding")
        self._batchers = {name: Batcher(model, self._noting(name)) for name, model in self.models.items()}

    def close(self) -> None:
        """Answer what is in progress, and end all threads."""
        self._decoders.shutdown()
        for batcher in self._batchers.values():
            batcher.close()

    def model_name(self, name: str | None) -> str:
        """Return the name of the model for a request; Refused where there is none of this name."""
        if name is not None and name not in self.models:
            raise Refused(422, f"There is no model {name!r}. {did_you_mean(name, self.models)}")
        return name or next(iter(self.models))

    async def detect(self, request: Request, model: str, confidence: float | None, iou: float | None) -> Result:
        """Return what a model finds in the image of a request.

        Args:
            request: its body is the image, see `uploaded`.
            model: name of the model.
            confidence: as for `Model.detect`.
            iou: as for `Model.detect`.

        Raises:
            Refused: it is more than the limits allow.
            BadInput: the image cannot be read.
        """
        with self.admission.admitted():
            try:
                return await asyncio.wait_for(self._found(request, model, confidence, iou), self.limits.seconds)
            except (TimeoutError, asyncio.TimeoutError):
                raise Refused(504, f"There was no answer within {self.limits.seconds:g} seconds. Try again.") from None
            except (Refused, BadInput):
                raise
            except Exception:  # here: the server would close the connection of one that it does not know
                LOG.exception("A request failed.")
                raise Refused(500, "The server failed; its log says why.") from None

    async def _found(self, request: Request, name: str, confidence: float | None, iou: float | None) -> Result:
        data = await uploaded(request, self.limits.bytes)
        model, submit = self.models[name], self._batchers[name].submit
        aside = functools.partial(asyncio.get_running_loop().run_in_executor, self._decoders)
        frame, painted = await aside(placed, data, model, self.limits.pixels)
        of_view, least = model.thresholds(confidence, model.views())
        found = [asyncio.wrap_future(submit(each, of_view, iou)) for each in painted]
        views, parts = [each.view for each in painted], await asyncio.gather(*found)
        return await aside(result_of, frame, views, parts, model.classes, None, least)  # many tiles take long to merge

    def _noting(self, name: str) -> Callable[[int], None]:
        return lambda images: self.metrics.add_batch(name, images)
