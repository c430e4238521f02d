"""The HTTP interface of models, and the page for it."""

import ipaddress
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from detect import __version__
from detect.errors import BadInput
from detect.inference.class_choice import labels_of
from detect.inference.predictor import Model
from detect.serving.answers import Answer, Offer, Problem, answer_of, offer_of
from detect.serving.metrics import CONTENT_TYPE, Metrics
from detect.serving.request_limits import Refused, RequestLimits
from detect.serving.service import Service
from detect.serving.uploads import FORM

PAGE = Path(__file__).parent / "page"
DETECT = "/v1/detect"
REFUSALS = {
    413: "The request has too many bytes, or the image too many pixels.",
    415: "The request is of a type that images do not have.",
    422: "The image cannot be read, or a parameter cannot be used.",
    500: "The server failed.",
    503: "Too many requests are in progress. `Retry-After` says when to try again, in seconds.",
    504: "The answer took too long.",
}
# Scripts and styles of the page itself only; images that the user has chosen are `blob:`.
SECURITY = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_BINARY = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["image"], "properties": {"image": _BINARY}}
_BODY = {
    "required": True,
    "content": {
        "image/*": {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
        FORM: {"schema": _FORM},
    },
}


def create_app(
    models: Mapping[str, Model],
    limits: RequestLimits | None = None,
    *,
    host: str = "127.0.0.1",
    origins: Sequence[str] = (),
) -> FastAPI:
    """Return the application that answers requests with models. Its threads end when it is shut down.

    Args:
        models: by the names that requests and the page use; the first answers requests that name none.
        limits: what is taken at most.
        host: the address that it is served on. On one of this machine alone, requests to other hosts are refused: a
            page of a stranger whose name resolves to this machine could otherwise read the answers.
        origins: of pages that may read the answers, such as `https://example.com`, beside the server's own.
    """
    service = Service(models, limits or RequestLimits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="detect", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    _add_interface(app, service)
    _add_pages(app)
    _add_problems(app)
    app.add_middleware(_Counted, metrics=service.metrics)
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    if is_loopback(host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", "::1", host])
    return app


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _add_interface(app: FastAPI, service: Service) -> None:
    unit = {"ge": 0, "le": 1}

    @app.post(
        DETECT,
        response_description="What was found.",
        responses={status: {"model": Problem, "description": text} for status, text in REFUSALS.items()},
        openapi_extra={"requestBody": _BODY},
    )
    async def detect(
        request: Request,
        model: Annotated[str | None, Query(description="Name of the model; by default the first.")] = None,
        confidence: Annotated[
            float | None, Query(description="Score threshold; by default that of the model for each class.", **unit)
        ] = None,
        iou: Annotated[
            float | None,
            Query(description="Overlap above which two boxes of a class are one; by default the model's.", **unit),
        ] = None,
        classes: Annotated[
            str | None, Query(description="Classes to detect, by name or number, such as person,car; by default all.")
        ] = None,
    ) -> Answer:
        """Detect objects in an image, which is the body of the request, or the file of a form.

        Any format of `detect predict` will do. Boxes are in pixels of the upright image.
        """
        name = service.model_name(model)
        labels = None if classes is None else labels_of(classes, service.models[name].classes)
        result = await service.detect(request, name, confidence, iou)
        return answer_of(name, result.filter(labels))

    @app.get("/v1/models", response_description="Models and limits.")
    async def models() -> Offer:
        """Return the models, their classes, and what is taken at most."""
        return offer_of(service.models, service.limits)

    @app.get("/health", response_description="It is well.")
    async def health() -> dict[str, str]:
        """Return that the models are loaded and requests are taken."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse, response_description="Counts since the start.")
    async def metrics() -> Any:
        """Return counts for Prometheus."""
        return PlainTextResponse(service.metrics.text(service.admission.count), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> FileResponse:
        return FileResponse(PAGE / "docs.html")

    app.mount("/page", StaticFiles(directory=PAGE))


def _add_problems(app: FastAPI) -> None:
    """Let the application answer each problem with its status and one sentence."""

    def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse(Problem(error=message).model_dump(), status, headers)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return problem(error.status, str(error), error.headers)

    @app.exception_handler(BadInput)
    async def unusable(request: Request, error: BadInput) -> JSONResponse:
        return problem(422, " ".join(error.args))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return problem(422, f"{first['loc'][-1]}: {first['msg']}, got {first.get('input')!r}.")

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}.", error.headers)


class _Counted:
    """Counts the requests for detections, and adds the headers that restrict what pages may do."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += [(name.encode(), value.encode()) for name, value in SECURITY.items()]
            await send(message)

        try:
            await self._app(scope, receive, send_counted if scope["type"] == "http" else send)
        finally:
            if scope.get("path") == DETECT:
                self._metrics.add_request(status, time.perf_counter() - start)
