"""Serving an application until a signal ends it."""

import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from detect.errors import BadInput, RunFailure


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket at an address, to which clients can connect once it is served.

    Raises:
        BadInput: there is no such address, or another program serves it.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{host}, port {port}, cannot be served: {reason}. Give another --host or --port.") from None
    return bound


def address_of(bound: socket.socket) -> str:
    """Return the address of a socket for a browser on this machine."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def serve(app: ASGIApp, bound: socket.socket, seconds: float, started: Callable[[], None]) -> None:
    """Serve an application until Ctrl-C or SIGTERM; requests that are in progress then are answered.

    Args:
        app: the application.
        bound: where it is served.
        seconds: that requests in progress may still take after the signal. A second Ctrl-C ends them at once.
        started: called when it is served.

    Raises:
        RunFailure: it does not start.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=round(seconds) + 1
    )
    server = Server(config, started)
    # The server handles them while it runs, and raises them once more when it has ended: that is not an error here.
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run([bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not server.started:
        raise RunFailure("The server did not start; --debug shows its log.")


class Server(uvicorn.Server):
    """A server that says when it has started."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]):
        super().__init__(config)
        self._when_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_started()
