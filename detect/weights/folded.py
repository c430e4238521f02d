"""Weights of ONNX files whose normalisations are folded into convolutions, which thereby have lost their names.

The convolutions are recognised by the order in which they run, which must be that of the targets. The names that are
left, and the shapes of all, confirm it.
"""

from collections.abc import Sequence

import numpy as np

from detect.errors import BadInput
from detect.layers.folded_normalization import fold, normalizations
from detect.models.detector import Detector
from detect.weights.files.onnx_file import Convolution
from detect.weights.tensors import Target, fill


def assign_folded(
    detector: Detector, targets: Sequence[Target], convolutions: Sequence[Convolution], where: str, model: str
) -> None:
    """Assign convolutions to a detector whose normalisations then only add their biases; all of them or none.

    Args:
        detector: whose weights the targets are.
        targets: in the order in which the network runs. Behind each kernel come those of its bias or normalisation.
        convolutions: of the file, in the order in which they run.
        where: names the file, in errors.
        model: names the model, in errors.

    Raises:
        BadInput: there are more or fewer convolutions than kernels, or they are others.
    """
    _check(targets, convolutions, where, model)
    tensors: dict[str, np.ndarray] = {}
    convolution, rest = convolutions[0], iter(convolutions)
    for target in targets:
        if _is_kernel(target):
            convolution = next(rest)
            tensors[target.name] = convolution.kernel
        elif convolution.bias is not None:  # as was checked
            tensors[target.name] = convolution.bias
    fill(targets, tensors, where, model)
    for layer in normalizations(detector):
        fold(layer, layer.beta.numpy())


def _check(targets: Sequence[Target], convolutions: Sequence[Convolution], where: str, model: str) -> None:
    kernels = [target.name for target in targets if _is_kernel(target)]
    if len(kernels) != len(convolutions):
        raise BadInput(f"{where} is not a {model}: it has {len(convolutions)} convolutions and not {len(kernels)}.")
    for name, convolution in zip(kernels, convolutions, strict=True):
        if convolution.name != name and convolution.name in kernels:
            raise BadInput(f"{where} is not a {model}: it has {convolution.name} in the place of {name}.")
        if convolution.bias is None:
            raise BadInput(f"{where}: the normalisation behind {name} is neither named nor folded into it.")


def _is_kernel(target: Target) -> bool:
    return len(target.variable.shape) == 4
