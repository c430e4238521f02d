"""Record the losses of the authors' code for random predictions, and its denoising queries.

They are written to tests/models/query_losses.npz.

    python tests/parity/record_query_losses.py FOLDER

Needs PyTorch and SciPy, and in FOLDER clones of https://github.com/Peterande/D-FINE,
https://github.com/Intellindust-AI-Lab/DEIMv2, https://github.com/lyuwenyu/RT-DETR and
https://github.com/roboflow/rf-detr (all Apache-2.0), of which only the losses are imported.
"""

import functools
import importlib
import sys
import types
from pathlib import Path
from unittest import mock

import numpy as np
import torch

MODELS = Path(__file__).parents[1] / "models"
sys.path.insert(0, str(MODELS))

import drawn_queries as drawn  # noqa: E402

COSTS = {"cost_class": 2, "cost_bbox": 5, "cost_giou": 2}
WEIGHTS = {"loss_bbox": 5, "loss_giou": 2, "loss_fgl": 0.15, "loss_ddf": 1.5}
D_FINE = {"D-FINE": "src/zoo/dfine", "DEIMv2": "engine/deim", "RT-DETR": "rtdetrv2_pytorch/src/zoo/rtdetr"}


def import_from(folder: Path, name: str, repository: str) -> types.ModuleType:
    """Import one file of a repository without the packages around it, whose registries and backbones are not needed."""
    path = folder / repository / D_FINE[repository]
    package = f"{repository.replace('-', '_')}.zoo.model"  # of the depth that relative imports expect
    for depth in range(1, 4):
        parent = ".".join(package.split(".")[:depth])
        sys.modules.setdefault(parent, types.ModuleType(parent)).__path__ = []
    sys.modules[package].__path__ = [str(path)]
    root = package.split(".")[0] + (".zoo" if repository == "DEIMv2" else "")
    core, distributed = types.ModuleType(f"{root}.core"), types.ModuleType(f"{root}.misc.dist_utils")
    core.register = lambda *_, **__: lambda made: made
    distributed.get_world_size, distributed.is_dist_available_and_initialized = lambda: 1, lambda: False
    misc = types.ModuleType(f"{root}.misc")
    misc.__path__, misc.dist_utils = [], distributed
    sys.modules |= {core.__name__: core, misc.__name__: misc, distributed.__name__: distributed}
    return importlib.import_module(f"{package}.{name}")


def stub_torchvision() -> None:
    """Define the one function of torchvision that is used."""
    names = ("torchvision", "torchvision.ops", "torchvision.ops.boxes")
    modules = {name: types.ModuleType(name) for name in names}
    modules["torchvision.ops.boxes"].box_area = lambda boxes: (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    modules["torchvision"].ops = modules["torchvision.ops"]
    sys.modules |= modules


def tensors() -> dict[str, torch.Tensor]:
    values = {name: torch.tensor(array) for name, array in drawn.draw().items()}
    for name in ("logits", "boxes", "corners", "proposed_logits", "proposed_boxes"):
        values[name].requires_grad_()
    return values


def targets() -> list[dict[str, torch.Tensor]]:
    sides = torch.tensor([drawn.SIZE[1], drawn.SIZE[0]] * 2)
    found = []
    for boxes, labels in zip(drawn.BOXES, drawn.LABELS, strict=True):
        corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) / sides
        centre = (corners[:, :2] + corners[:, 2:]) / 2
        boxes = torch.cat([centre, corners[:, 2:] - corners[:, :2]], dim=1)
        found.append({"boxes": boxes, "labels": torch.tensor(labels, dtype=torch.int64)})
    return found


def denoising(module: types.ModuleType, values: dict[str, torch.Tensor]) -> dict[str, np.ndarray | dict]:
    """Return the denoising queries for the random numbers in `values`."""
    luck = values["luck"]
    signs = (luck[..., 2:6] >= 0.5).float()
    with (
        mock.patch("torch.rand_like", side_effect=[luck[..., 0], luck[..., 6:10]]),
        mock.patch("torch.randint_like", side_effect=[(luck[..., 1] * drawn.CLASSES).int(), signs]),
    ):
        labels, boxes, mask, meta = module.get_contrastive_denoising_training_group(
            targets(), drawn.CLASSES, drawn.QUERIES, lambda labels: labels, num_denoising=drawn.PLACES // 2
        )
    return {"labels": labels.numpy(), "logits_of_boxes": boxes.numpy(), "hidden": mask.numpy(), "meta": meta}


def predictions(values: dict[str, torch.Tensor], part: slice, with_corners: bool) -> tuple[list[dict], dict]:
    """Return what the decoder's layers predict for some of the queries, and what the first one does before that."""
    teacher = {"teacher_corners": values["corners"][-1][:, part], "teacher_logits": values["logits"][-1][:, part]}
    layers = [
        {"pred_logits": values["logits"][layer][:, part], "pred_boxes": values["boxes"][layer][:, part]}
        for layer in range(drawn.LAYERS + 1)
    ]
    if with_corners:
        for layer, corners in zip(layers[1:], values["corners"], strict=True):
            layer |= {"pred_corners": corners[:, part], "ref_points": values["references"][:, part], **teacher}
    return layers[1:], layers[0]


def outputs(values: dict[str, torch.Tensor], meta: dict, first: bool, with_corners: bool) -> dict:
    """Return the outputs of a decoder with denoising, with its first predictions before refinement if it has them."""
    matched, places = slice(0, drawn.QUERIES), slice(drawn.QUERIES, None)
    layers, before = predictions(values, matched, with_corners)
    noisy, noisy_before = predictions(values, places, with_corners)
    proposed = {"pred_logits": values["proposed_logits"], "pred_boxes": values["proposed_boxes"]}
    last = {name: value for name, value in layers[-1].items() if not name.startswith("teacher")}
    scales = {"up": torch.tensor([0.5]), "reg_scale": torch.tensor([drawn.SCALE])}
    found = {**last, **scales, "aux_outputs": layers[:-1], "enc_aux_outputs": [proposed]}
    found |= {"enc_meta": {"class_agnostic": False}, "dn_meta": meta, "dn_outputs": noisy, "dn_aux_outputs": noisy}
    return found | ({"pre_outputs": before, "dn_pre_outputs": noisy_before} if first else {})


def sums(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return the losses by the names that they have here, each summed over layers."""
    names = {"ce": "class", "vfl": "class", "mal": "class", "bbox": "l1", "giou": "giou", "fgl": "fgl", "ddf": "ddf"}
    found: dict[str, float] = {}
    for name, value in losses.items():
        kind = "denoising" if "_dn_" in name else "proposals" if "_enc" in name else names[name.split("_")[1]]
        found[kind] = found.get(kind, 0.0) + value.item()
    return found


def recorded(values: dict[str, torch.Tensor], losses: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return the sums of the losses, and the norm of the gradient of them all for each tensor that has one."""
    torch.stack(list(losses.values())).sum().backward()
    norms = {
        f"gradient of {name}": value.grad.norm().item() for name, value in values.items() if value.grad is not None
    }
    return sums(losses) | norms


def d_fine(folder: Path) -> dict[str, float]:
    criterion, matcher = (import_from(folder, name, "D-FINE") for name in ("dfine_criterion", "matcher"))
    values = tensors()
    meta = denoising(import_from(folder, "denoising", "D-FINE"), values)["meta"]
    losses = criterion.DFINECriterion(
        matcher.HungarianMatcher(COSTS, use_focal_loss=True),
        {"loss_vfl": 1, **WEIGHTS},
        ["vfl", "boxes", "local"],
        alpha=0.75,
        num_classes=drawn.CLASSES,
        reg_max=drawn.VALUES - 1,
    )(outputs(values, meta, first=True, with_corners=True), targets())
    return recorded(values, losses)


def deim(folder: Path, late: bool, union: bool) -> dict[str, float]:
    criterion, matcher = (import_from(folder, name, "DEIMv2") for name in ("deim_criterion", "matcher"))
    values = tensors()
    meta = denoising(import_from(folder, "denoising", "DEIMv2"), values)["meta"]
    losses = criterion.DEIMCriterion(
        matcher.HungarianMatcher(
            COSTS, use_focal_loss=True, change_matcher=True, iou_order_alpha=4.0, matcher_change_epoch=0 if late else 9
        ),
        {"loss_mal": 1, **WEIGHTS},
        ["mal", "boxes", "local"] if union else ["mal", "boxes"],
        gamma=1.5,
        num_classes=drawn.CLASSES,
        reg_max=drawn.VALUES - 1,
        use_uni_set=union,
    )(outputs(values, meta, first=True, with_corners=union), targets())
    return recorded(values, losses)


def rt_detr(folder: Path) -> dict[str, float]:
    criterion, matcher = (import_from(folder, name, "RT-DETR") for name in ("rtdetrv2_criterion", "matcher"))
    values = tensors()
    meta = denoising(import_from(folder, "denoising", "RT-DETR"), values)["meta"]
    losses = criterion.RTDETRCriterionv2(
        matcher.HungarianMatcher(COSTS, use_focal_loss=True),
        {"loss_vfl": 1, **WEIGHTS},
        ["vfl", "boxes"],
        alpha=0.75,
        num_classes=drawn.CLASSES,
    )(outputs(values, meta, first=False, with_corners=False), targets())
    return recorded(values, losses)


def rf_detr(folder: Path) -> dict[str, float]:
    """With three groups of queries."""
    for name in ("models.backbone", "models.segmentation_head", "models.transformer", "util.misc"):
        sys.modules[f"rfdetr.{name}"] = mock.MagicMock()
    sys.modules["rfdetr.util.misc"].is_dist_avail_and_initialized.return_value = False
    sys.modules["rfdetr.util.misc"].get_world_size.return_value = 1
    for name in ("rfdetr", "rfdetr.models", "rfdetr.util"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder / "rf-detr" / name.replace(".", "/"))]
    model, matcher = (importlib.import_module(f"rfdetr.models.{name}") for name in ("lwdetr", "matcher"))
    values = tensors()
    layers, _ = predictions(values, slice(0, drawn.QUERIES), with_corners=False)
    proposed = {"pred_logits": values["proposed_logits"], "pred_boxes": values["proposed_boxes"]}
    criterion = model.SetCriterion(
        drawn.CLASSES, matcher.HungarianMatcher(2, 5, 2), {}, 0.25, ["labels", "boxes"], group_detr=3, ia_bce_loss=True
    )
    losses = criterion({**layers[-1], "aux_outputs": layers[:-1], "enc_outputs": proposed}, targets())
    weights = {"ce": 1, "bbox": 5, "giou": 2}
    kept = {name: weights.get(name.split("_")[1], 0) * loss for name, loss in losses.items() if "error" not in name}
    return recorded(values, kept)


def main(folder: Path) -> None:
    stub_torchvision()
    # Of the boxes that equally many layers match to a query, the authors take any; here it is the first.
    torch.argsort = functools.partial(torch.argsort, stable=True)
    cases = {
        "dfine": d_fine(folder),
        "deim": deim(folder, late=False, union=True),
        "deim_late": deim(folder, late=True, union=True),
        "deim_without_union": deim(folder, late=False, union=False),
        "rtdetr": rt_detr(folder),
        "rfdetr": rf_detr(folder),
    }
    arrays = {f"{case}/{name}": np.float64(value) for case, terms in cases.items() for name, value in terms.items()}
    for case in ("dfine", "rtdetr"):
        module = import_from(folder, "denoising", {"dfine": "D-FINE", "rtdetr": "RT-DETR"}[case])
        noisy = denoising(module, tensors())
        arrays |= {f"{case}/noisy/{name}": value for name, value in noisy.items() if name != "meta"}
    np.savez_compressed(MODELS / "query_losses.npz", **arrays)
    for name, value in arrays.items():
        print(name, value if np.ndim(value) == 0 else np.shape(value))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
