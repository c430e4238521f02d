"""Every family in every format."""

import subprocess
import sys

import pytest
from light_models import EACH_FAMILY_BESIDE_SMALL, saved

from detect import formats
from detect.artefacts.export_card import load_export_card

pytestmark = pytest.mark.slow

# The model is opened once for all formats, as `opened_once` does it.
EXPORT_ALL = """
import functools, sys
from detect.cli.starting import start_tensorflow

start_tensorflow()
from detect.export import export_run

export_run.open_model = functools.cache(export_run.open_model)
export_run.TensorFlowBackEnd = functools.cache(export_run.TensorFlowBackEnd)
for format in sys.argv[2:]:
    export_run.export(sys.argv[1], format)
"""


DEFAULT, *OTHERS = sorted(formats.names(), key=lambda format: format != "openvino")


@pytest.mark.parametrize(
    "written", [pytest.param([DEFAULT], id=DEFAULT), pytest.param(OTHERS, marks=pytest.mark.long, id="others")]
)
@pytest.mark.parametrize("name", EACH_FAMILY_BESIDE_SMALL)
def test_every_family_in_every_format(name, written, tmp_path):
    """In a process of its own, because converters do not give memory back.

    `saved` makes logits thirty times as large, and with them the rounding: FCOS' scores differ by 1.6e-4 between
    TensorFlow with oneDNN and without.
    """
    model = saved(name, tmp_path / "model")
    subprocess.run([sys.executable, "-c", EXPORT_ALL, model, *written], check=True, capture_output=True)
    for format in written:
        check = load_export_card(model / "exports" / format).check
        assert check.detections > 100
        assert check.unmatched == 0
        assert check.box_difference < 1e-3
        assert check.score_difference < 1e-4
