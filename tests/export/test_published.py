"""Published weights in every format and precision: channels as unequal as no test makes them, and real images.

They lie beside the checkout, in `shared/weights`. `DETECT_COCO` names a dataset of COCO images with `train`, on which
int8 is calibrated, and `val`.
"""

import os
from pathlib import Path

import pytest
from measuring.trained_models import export_in_all_ways

from detect.export.check import AP_LOSS
from detect.weights.importing import import_weights

CHECKPOINT = Path(__file__).parents[3] / "shared" / "weights" / "yolox_nano.onnx"
COCO = os.environ.get("DETECT_COCO")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not CHECKPOINT.is_file(), reason=f"there is no {CHECKPOINT}"),
    pytest.mark.skipif(not COCO, reason="DETECT_COCO does not name a dataset of COCO images"),
]


def test_every_export_of_published_weights_is_as_good(tmp_path):
    import_weights("yolox-nano-coco", file=CHECKPOINT, out=tmp_path / "model")
    for (format, precision), outcome in export_in_all_ways(tmp_path / "model", COCO).items():
        check = outcome.check
        assert check.AP_of_original > 0.3
        assert 100 * (check.AP_of_original - check.AP) <= AP_LOSS[precision], (format, precision)
