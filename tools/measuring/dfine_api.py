"""Tasks of `workers.py`: D-FINE-N in transformers, where its authors publish it: `predict SIDE FILE COUNT`.

It is built without a download, from the numbers of its authors (`configs/dfine/dfine_hgnetv2_n_coco.yml`, HGNetV2-B0):
3.77 million parameters. Its weights are random.
"""

import os
from typing import Any

import torch
from measuring.serving import Task, serve
from PIL import Image
from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config, RTDetrImageProcessor

BACKBONE = {
    "stem_channels": [3, 16, 16],
    "stage_in_channels": [16, 64, 256, 512],
    "stage_mid_channels": [16, 32, 64, 128],
    "stage_out_channels": [64, 256, 512, 1024],
    "hidden_sizes": [64, 256, 512, 1024],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5],
    "stage_numb_of_layers": [3, 3, 3, 3],
    "use_learnable_affine_block": True,
    "out_features": ["stage3", "stage4"],
}
DETECTOR = {
    "feat_strides": [16, 32],
    "num_feature_levels": 2,
    "encoder_in_channels": [512, 1024],
    "encoder_hidden_dim": 128,
    "encoder_ffn_dim": 512,
    "encode_proj_layers": [1],
    "hidden_expansion": 0.34,
    "depth_mult": 0.5,
    "d_model": 128,
    "decoder_in_channels": [128, 128],
    "decoder_ffn_dim": 512,
    "decoder_layers": 3,
    "decoder_n_points": [6, 6],
    "num_labels": 80,
}


def prepare(task: str) -> Task:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _, side, file, count = task.split()
    model = DFineForObjectDetection(DFineConfig(backbone_config=HGNetV2Config(**BACKBONE), **DETECTOR)).eval()
    processor = RTDetrImageProcessor(size={"height": int(side), "width": int(side)})
    image = Image.open(file).convert("RGB")
    images = [image] * int(count)
    sizes = [(image.height, image.width)] * int(count)

    def run() -> dict[str, Any]:
        with torch.inference_mode():
            outputs = model(**processor(images=images, return_tensors="pt"))
        found = processor.post_process_object_detection(outputs, threshold=0.25, target_sizes=sizes)
        return {"boxes": sum(len(result["scores"]) for result in found)}

    return run


if __name__ == "__main__":
    serve(prepare)
