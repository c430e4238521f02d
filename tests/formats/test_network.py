"""Converted models of which some products stay in float32, in every format and precision that has a choice."""

import numpy as np
import pytest
from light_models import saved_small

from detect import formats
from detect.artefacts.export_card import INPUTS, ExportCard
from detect.artefacts.int8_network import SAMPLED, sample_of
from detect.artefacts.job import Job
from detect.export.cards import images_per_call
from detect.weights.opening import open_model

SIDE = 64  # pixels
CANVASES = ((SIDE, SIDE), (SIDE // 2, SIDE))
WAYS = [(name, precision) for name in formats.names() for precision in formats.find(name).mixed]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return open_model(saved_small(tmp_path_factory.mktemp("models") / "small"))


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def job(model, request, tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3)).astype(np.uint8)
    return job_of(model, *request.param, tmp_path_factory.mktemp("export"), list(images))


def job_of(model, format, precision, folder, images):
    detector, card = model
    export = ExportCard(
        format=format,
        precision=precision,
        canvases=CANVASES,
        inputs=INPUTS,
        batch=images_per_call(format, None),
        size_divisor=detector.size_divisor,
        smallest_side=detector.smallest_side,
        confidence=detector.config.confidence,
        iou=detector.config.iou,
        weights="",
    )
    return Job(formats.find(format), detector, card, export, folder, images)


@pytest.fixture(scope="module")
def networks(job):
    return [formats.load_writer(job.export.format).network(job, canvas) for canvas in CANVASES]


@pytest.fixture(scope="module")
def network(networks):
    return networks[0]


def largest_errors(job, network, kept):
    """The largest difference of each product's output from float32."""
    calls = job.calibration_inputs(CANVASES[0])[:1]
    [exact], [found] = network.values(calls, None), network.values(calls, kept)
    return {name: float(np.abs(found[name].output - exact[name].output).max()) for name in network.products}


def test_products_have_the_same_names_for_every_canvas(networks):
    square, wide = networks
    assert list(square.products) == list(wide.products)
    assert len(square.products) >= 4


def test_products_have_the_sizes_of_weights(job, network):
    kernels = [weight.shape for weight in job.detector.weights if len(weight.shape) > 1]
    assert set(network.products.values()) <= {(int(np.prod(shape)), shape[-1]) for shape in kernels}


def test_outputs_are_those_of_float32_where_all_products_are_kept(job, network):
    assert max(largest_errors(job, network, ()).values()) > 1e-4
    assert max(largest_errors(job, network, network.products).values()) < 1e-5


def test_one_product_is_kept(job, network):
    """The first one has no error any more, and the last one has."""
    first, *_, last = network.products
    none, one = largest_errors(job, network, ()), largest_errors(job, network, [first])
    assert one[first] <= none[first]
    assert one[last] > 1e-5


def test_what_is_kept_makes_the_file_larger(job, network, tmp_path):
    sizes = []
    for kept in ((), network.products):
        folder = tmp_path / f"{len(kept)}"
        folder.mkdir()
        network.write(formats.find(job.export.format).path(folder, CANVASES[0]), kept)
        sizes.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    weights = sum(product.weights for product in network.products.values())
    assert sizes[1] - sizes[0] > weights


@pytest.mark.parametrize("format", [name for name in formats.names() if "int8" in formats.find(name).mixed])
def test_a_channel_that_one_image_alone_activates(model, format, tmp_path):
    """Blue is a hundredth of the other channels, but for one image that is not in the sample.

    Multiplied by 100 it would need a range in which the others have two or three values.
    """
    images = np.random.default_rng(0).integers(128, 256, (SAMPLED + 1, SIDE, SIDE, 3)).astype(np.uint8)
    images[..., 2] //= 100
    images[1, ..., 2] = 255
    job = job_of(model, format, "int8", tmp_path, list(images))
    network = formats.load_writer(format).network(job, CANVASES[0])
    calls = job.calibration_inputs(CANVASES[0])
    assert not any(call is calls[1] for call in sample_of(calls))
    first = next(iter(network.products))
    exact, found = (next(network.values(calls[:1], kept))[first].output for kept in (None, ()))
    assert np.square(found - exact).mean() < 1e-3 * exact.var()
