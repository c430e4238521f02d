"""Record what the authors' DEIMv2 computes for random weights, in tests/weights/intellindust_deimv2.npz.

    .venv-parity/bin/python tests/parity/record_deimv2.py FOLDER

FOLDER is a clone of https://github.com/Intellindust-AI-Lab/DEIMv2 (Apache-2.0), of which only the network is imported.
It prints the number of parameters of each published size too.
"""

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "weights"), str(Path(__file__).parent)]

import record_query_losses  # noqa: E402
from deimv2_cases import CASES, CLASSES, NAMES, SIZES, noise  # noqa: E402
from drawn_weights import drawn_weights  # noqa: E402

from detect.models.deimv2 import HEADS, STRIDES, VARIANTS, Config  # noqa: E402

COPIES = tuple(f"dec_bbox_head.{layer}." for layer in range(1, 9))


def import_network(folder: Path) -> None:
    """Make the modules of the network importable without the packages around them, which need more libraries."""
    record_query_losses.stub_torchvision()
    for name in ("engine", "engine.backbone", "engine.deim"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder / name.replace(".", "/"))]
    sys.modules["engine.core"] = types.ModuleType("engine.core")
    sys.modules["engine.core"].register = lambda *_, **__: lambda made: made


class Network(torch.nn.Module):
    """The model with the settings of our `Config`, and those of `configs/base/deimv2.yml`."""

    def __init__(self, config: Config, classes: int):
        super().__init__()
        part = {name: importlib.import_module(f"engine.{name}") for name in ("backbone.hgnetv2", "deim.deim_decoder")}
        is_lite = config.backbone != "b0"
        stages = [2] if is_lite else [2, 3]
        self.backbone = part["backbone.hgnetv2"].HGNetv2(
            config.backbone.capitalize(),
            use_lab=True,
            return_idx=stages,
            freeze_at=-1,
            freeze_norm=False,
            pretrained=False,
        )
        shared = {
            "in_channels": [self.backbone._out_channels[stage] for stage in stages],
            "hidden_dim": config.channels,
            "expansion": config.expansion,
            "depth_mult": config.depth,
        }
        if is_lite:
            self.encoder = importlib.import_module("engine.deim.lite_encoder").LiteEncoder(**shared)
        else:
            self.encoder = importlib.import_module("engine.deim.hybrid_encoder").HybridEncoder(
                **shared,
                feat_strides=list(STRIDES),
                nhead=HEADS,
                dim_feedforward=config.encoder_hidden,
                use_encoder_idx=[1],
                csp_type="csp2",
                fuse_op="sum",
            )
        self.decoder = part["deim.deim_decoder"].DEIMTransformer(
            num_classes=classes,
            hidden_dim=config.channels,
            num_queries=config.queries,
            feat_channels=[config.channels] * 2,
            feat_strides=list(STRIDES),
            num_levels=2,
            num_points=list(config.points),
            nhead=HEADS,
            num_layers=config.layers,
            dim_feedforward=config.hidden,
            activation="silu",
            mlp_act="silu",
            reg_max=config.values - 1,
            reg_scale=config.scale,
            use_gateway=config.gated,
            share_bbox_head=config.shared,
        )

    @torch.inference_mode()
    def answers(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the encoder chooses and every layer says of images of 0..255 [B, H, W, 3], by `NAMES`."""
        self.eval()
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        levels = self.encoder(self.backbone(pixels))
        # In training all layers say something; the decoder has no dropout.
        decoder = self.decoder
        decoder.num_denoising = 0
        decoder.training = decoder.decoder.training = True
        found = decoder(levels)
        layers = [found["pre_outputs"], *found["aux_outputs"], found]
        (chosen,) = found["enc_aux_outputs"]
        return {
            "chosen_logits": chosen["pred_logits"].numpy(),
            "chosen_boxes": chosen["pred_boxes"].numpy(),
            "logits": torch.stack([layer["pred_logits"] for layer in layers], dim=1).numpy(),
            "boxes": torch.stack([layer["pred_boxes"] for layer in layers], dim=1).numpy(),
            "corners": torch.stack([layer["pred_corners"] for layer in layers[1:]], dim=1).numpy(),
        }

    def shapes(self) -> dict[str, list[int]]:
        """Return the shapes of the tensors in a published file, by name: shared ones are there once."""
        is_shared = len({id(head) for head in self.decoder.dec_bbox_head}) == 1
        state = self.state_dict()
        left_out = COPIES if is_shared else ()
        return {name: list(value.shape) for name, value in state.items() if not any(part in name for part in left_out)}


def main(folder: Path) -> None:
    import_network(folder)
    for row, variant in VARIANTS.items():
        network = Network(variant.config, 80)
        print(row, sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad))
    recorded: dict[str, np.ndarray] = {}
    for row, settings in CASES.items():
        network = Network(VARIANTS[row.partition("-")[2]].config.model_copy(update=settings), CLASSES)
        state = {name: torch.from_numpy(value) for name, value in drawn_weights(network.shapes()).items()}
        network.load_state_dict(state, strict=False)
        recorded[f"{row}/shapes"] = np.array(json.dumps(network.shapes()))
        for height, width in SIZES[row]:
            found = network.answers(noise(height, width))
            recorded |= {f"{row}/{height}x{width}/{name}": found[name] for name in NAMES}
    np.savez_compressed(TESTS / "weights" / "intellindust_deimv2.npz", **recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
