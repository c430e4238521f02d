"""`detect serve`."""

from typing import Annotated

import typer

from detect.cli.library_log import hide_library_log
from detect.cli.printing import download_bar, say
from detect.cli.starting import start_tensorflow
from detect.errors import BadInput
from detect.formats import names as format_names
from detect.serving.request_limits import RequestLimits

NEEDED = ("fastapi", "uvicorn", "python_multipart")
LIMITS = "Limits"  # group of options


def serve(
    model: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL",
            help="Run folder, model folder, exported model or published checkpoint; several to compare them.",
            show_default=False,
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to serve on; 0.0.0.0 for all that can reach this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to serve on; 0 for one that is free.", min=0, max=65535)] = 8000,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A page elsewhere that may read the answers, such as https://example.com; repeatable."),
    ] = None,
    backend: Annotated[
        str,
        typer.Option(help=f"What runs the model: auto (its fastest export), tensorflow, {', '.join(format_names())}."),
    ] = "auto",
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Run an exported model that is a program (a SavedModel) and was made elsewhere."),
    ] = False,
    max_bytes: Annotated[int, typer.Option(help="Most bytes of a request.", min=1, rich_help_panel=LIMITS)] = 32
    * 2**20,
    max_pixels: Annotated[int, typer.Option(help="Most pixels of an image.", min=1, rich_help_panel=LIMITS)] = 64
    * 10**6,
    timeout: Annotated[
        float, typer.Option(help="Most seconds until an answer.", min=0.1, rich_help_panel=LIMITS)
    ] = RequestLimits.seconds,
    max_requests: Annotated[
        int, typer.Option(help="Most requests in progress at a time.", min=1, rich_help_panel=LIMITS)
    ] = RequestLimits.requests,
) -> None:
    """Serve models on a web page, to try them on pictures, clips and a webcam, and over HTTP."""
    from detect.artefacts.format import missing
    from detect.inference.exports import find_artefact
    from detect.models.places import require_place

    if packages := [name.replace("_", "-") for name in missing(NEEDED)]:
        raise BadInput(
            f"detect serve needs {' and '.join(packages)}, which is not installed. Run: pip install "
            f"{' '.join(packages)}, or install detect with its extra `serve`."
        )
    artefacts = [find_artefact(each, backend) for each in model]
    for each, artefact in zip(model, artefacts, strict=True):
        if artefact is None:
            require_place(each)
    from detect.serving.served_names import served_names
    from detect.serving.server import address_of, bound_socket
    from detect.serving.server import serve as serve_app

    names = served_names(model)
    bound = bound_socket(host, port)
    if None in artefacts:
        start_tensorflow()
    else:
        hide_library_log()
    from detect.inference.loading import load
    from detect.serving.app import create_app, is_loopback
    from detect.serving.batching import warm_up

    models = {}
    for name, each, artefact in zip(names, model, artefacts, strict=True):
        with download_bar(each) as progress:
            models[name] = load(artefact or each, None, progress, trust=trust)
        warm_up(models[name])
        say(f"{name}: {'runs in TensorFlow' if artefact is None else f'the export in {artefact}'}.")
    if not is_loopback(host):
        say("Everyone who reaches this machine can send images: there is no password and no encryption.")
    limits = RequestLimits(max_bytes, max_pixels, timeout, max_requests)
    app = create_app(models, limits, host=host, origins=allow_origin or ())
    serve_app(app, bound, timeout, lambda: say(f"Serving at {address_of(bound)} (Ctrl-C stops it)."))
    say("Stopped.")
