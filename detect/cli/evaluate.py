"""`detect evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detect.cli import output_file
from detect.cli.evaluation_report import announce_report, report_on_model, report_on_predictions
from detect.cli.option_groups import with_options
from detect.cli.printing import download_bar, progress_bar, say
from detect.cli.scores import show_scores
from detect.cli.starting import start_tensorflow
from detect.errors import BadInput
from detect.inference.limits import check_limits
from detect.inference.options import ViewOptions


@with_options(ViewOptions)
def evaluate(
    data: Annotated[str, typer.Option(help="Dataset, as for `detect train`.")],
    model: Annotated[
        str | None,
        typer.Argument(
            help="Run folder, model folder, exported model or published checkpoint; with --weights, a model's name.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of the named model: a run or model folder, a published checkpoint, or its file."),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Score this COCO results file instead of a model; needs no images.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    json: Annotated[Path | None, typer.Option(help="Write all numbers at full precision to this JSON file.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page with what explains the scores, and the images, to this folder."),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Put the images that cost most AP into the page of --report.")
    ] = False,
    confidence: Annotated[
        float | None,
        typer.Option(help="Score threshold of detections, 0 to 1.", show_default="the model's, low as AP needs it"),
    ] = None,
    iou: Annotated[
        float | None,
        typer.Option(
            help="Overlap (IoU), 0 to 1, above which two boxes of a class are one object.",
            show_default="the model's",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images per batch.")] = 8,
    reference: Annotated[
        bool, typer.Option("--reference", help="Score with pycocotools: the same numbers, but slower.")
    ] = False,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Run an exported model that is a program (a SavedModel) and was made elsewhere."),
    ] = False,
    **options: Any,
) -> None:
    """Compute the COCO scores of a model or of a file of predictions."""
    from detect.config import as_option
    from detect.data.readers.description import open_with_split, require_present
    from detect.inference.exports import find_artefact
    from detect.models.places import require_place

    if (model is None) == (predictions is None):
        raise BadInput("Give either a MODEL or --predictions FILE to score.")
    check_limits(confidence, iou, batch_size, as_option)
    require_present(data)
    if model is not None and find_artefact(model, weights=weights) is None:
        require_place(weights or model, is_file_allowed=weights is not None)
    output_file.announce(json, lambda text: '"AP"' in text, "a file of scores")
    announce_report(report, single_file)
    if predictions is not None and not predictions.is_file():
        raise BadInput(f"--predictions: {predictions} is not a file (in {Path.cwd()}). Give a COCO results file.")
    if predictions is not None:
        from detect.evaluation.results_file import evaluate_predictions

        scores = evaluate_predictions(predictions, data, split, reference)
        page = report and report_on_predictions(report, scores, predictions, data, split, single_file)
    else:
        dataset = open_with_split(data, split)
        start_tensorflow()
        import detect

        with download_bar(str(weights or model)) as progress:
            loaded = detect.load(str(model), weights, progress, trust=trust)
        with progress_bar("images") as progress:
            scores = detect.evaluate(
                loaded,
                dataset,
                split,
                confidence=confidence,
                iou=iou,
                batch_size=batch_size,
                reference=reference,
                progress=progress,
                **options,
            )
        page = report and report_on_model(
            report,
            scores,
            str(weights or model),
            loaded,
            loaded.views(ViewOptions(**options)),
            dataset,
            split,
            single_file,
        )
    if json is not None:
        scores.save(json)  # first: the reader of the output may close the pipe
    show_scores(scores)
    for path in filter(None, (json, page)):
        say(f"Written: {path}")
