"""Colour jitter by lookup tables: hue, saturation and value shifted in one pass over the picture."""

import cv2
import numpy as np


def shift_colours(image: np.ndarray, hue: int, saturation: int, value: int) -> None:
    """Shift the colours of a uint8 RGB picture [H, W, 3] in place.

    Units are OpenCV's: hue in steps of 2 degrees (0..179, it wraps around), saturation and value in 0..255 (they stop
    at the ends). Adding to the channels follows YOLOX, `augment_hsv` in yolox/data/data_augment.py.
    """
    if hue == saturation == value == 0:
        return
    levels = np.arange(256)
    tables = np.stack([(levels + hue) % 180, levels + saturation, levels + value], axis=-1)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    cv2.LUT(hsv, np.clip(tables, 0, 255).astype(np.uint8)[None], dst=hsv)  # [1, 256, 3], a table a channel
    cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, dst=image)
