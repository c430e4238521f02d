"""The services that a run sends its numbers to, see `loggers`. Where one fails, training goes on without it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from detect.files import write_text
from detect.training.reporting import loggers
from detect.training.reporting.loggers import Described, Logger
from detect.training.run_folder import RunFolder, flat
from detect.training.settings import TrainingSettings


class Services:
    """Loggers by the names of their services."""

    def __init__(self, running: Mapping[str, Logger], say: Callable[[str], None]):
        self._running, self._say = dict(running), say

    def log(self, values: Mapping[str, float], step: int, epoch: float) -> None:
        """See `Logger`."""
        for name, logger in list(self._running.items()):
            with self._tried(name):
                logger.log(values, step, epoch)

    def close(self, images: tuple[Path, ...], completed: bool) -> None:
        """Send the images that exist, and what is not sent yet.

        Args:
            images: files.
            completed: whether training came to its end.
        """
        for name, logger in list(self._running.items()):
            with self._tried(name):
                for image in filter(Path.exists, images):
                    logger.log_image(image)
                logger.close(completed)

    @contextmanager
    def _tried(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of which kind depends on the service
            self._say(f"Warning: {name} failed and gets no more of this run: {error}. Training goes on.")
            del self._running[name]


def start_services(folder: RunFolder, settings: TrainingSettings, say: Callable[[str], None]) -> Services:
    """Begin a run on the services that its settings name, or go on with it.

    Args:
        folder: of the run; it keeps the names of the run on the services.
        settings: of the run.
        say: is told that a service fails later on.

    Raises:
        BadInput: a service cannot be reached, or does not know the user.
    """
    earlier = json.loads(folder.loggers.read_text()) if folder.loggers.exists() else {}
    values = flat(settings.model_dump(mode="json"))
    running = {
        name: loggers.start(name, Described(folder.path.name, folder.path.resolve(), values, earlier.get(name)))
        for name in dict.fromkeys(settings.loggers)
    }
    if running:
        write_text(folder.loggers, json.dumps({**earlier, **{name: each.id for name, each in running.items()}}))
    return Services(running, say)
