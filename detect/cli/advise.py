"""`detect advise`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli import output_file
from detect.cli.interruption import Interrupted
from detect.cli.printing import say, show_table
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.advice.advising import Advice
    from detect.advice.learning_curve import Gain


def advise(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished training run.", show_default=False)],
    max_time: Annotated[str, typer.Option(help="Time for all trials, such as 30m or 2h.", show_default=False)],
    json: Annotated[Path | None, typer.Option(help="Write all numbers at full precision to this JSON file.")] = None,
) -> None:
    """Measure, in short trials, what would make a run better: more images, more time, other settings.

    The trials are kept in RUN/advice/; the same command, after an interruption, goes on with those that are missing.
    """
    from detect.advice.request import read_request

    output_file.announce(json, lambda text: '"run"' in text, "advice of this command")
    request = read_request(run, max_time)
    start_tensorflow()
    from detect.advice import advising

    try:
        advice = advising.advise(request, lambda text: say(text, style="bold"))
    except KeyboardInterrupt:
        raise Interrupted("Interrupted. The same command goes on with the trials that are missing.") from None
    if json is not None:
        advice.save(json)  # first: the reader of the output may close the pipe
    show(advice)
    if json is not None:
        say(f"Written: {json}")


def show(advice: "Advice") -> None:
    """Print advice."""
    say("")
    rows = [[f"{kind.name}: {kind.meaning}", str(kind.count), signed(kind.gain)] for kind in advice.errors]
    show_table(["error", "number", "AP50 without it"], rows, f"Errors of {advice.run} in validation")
    rows = [[str(point.images), str(point.trials), f"{point.AP:.3f}"] for point in advice.curve]
    length = f"trials of {advice.trial_updates} updates"
    show_table(["training images", "trials", "AP"], rows, f"Learning curve, in {length}")
    rows = [
        [row.name, str(row.boxes), "-" if row.AP is None else f"{row.AP:.3f}", *cells(row.gain)]
        for row in advice.doubling
    ]
    show_table(["class", "validation boxes", "AP", "gain", "90 % interval"], rows, "2x the training images")
    rows = [
        [row.text, f"{row.seconds:.0f}", f"{row.AP:.3f}", *(cells(row.gain) if row.gain else ("stopped early", ""))]
        for row in advice.options
    ]
    show_table(["settings", "seconds", "AP", "gain", "90 % interval"], rows, f"Other settings, at the cost of {length}")
    for note in advice.notes:
        say(f"Note: {note}")
    show_conclusion(advice)


def show_conclusion(advice: "Advice") -> None:
    """Print what to do next."""
    images = advice.doubling[0].gain
    if images is not None and images.is_clear:
        gain, interval = cells(images)
        say(f"2x the images: {gain} AP ({interval}).")
    elif images is not None:
        say("Whether more images help cannot be told from these trials: give them more time.")
    if advice.command:
        say("Next:")
        say(f"  {advice.command}")
    else:
        say("No other settings are clearly better than those of the run.")


def cells(gain: "Gain | None") -> tuple[str, str]:
    """Return a gain, which is said to be open where its interval includes zero, and the interval."""
    if gain is None:
        return "cannot be told", ""
    return signed(gain.value) if gain.is_clear else "cannot be told", f"{gain.low:.3f} to {gain.high:.3f}"


def signed(value: float) -> str:
    """Return a difference of scores."""
    return f"{value:+.3f}"
