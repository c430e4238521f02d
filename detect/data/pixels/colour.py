"""Shift hue, saturation and value of an image in one pass."""

from dataclasses import dataclass

import cv2
import numpy as np

MOST_HUE = 75  # so that a hue of up to 179 and its shift fit eight bits


@dataclass(frozen=True)
class ColourShift:
    """Amounts added to hue, saturation and value, as in YOLOX (`augment_hsv` in yolox/data/data_augment.py).

    Units are OpenCV's: hue in steps of 2 degrees (0..179, it wraps around; a shift of `MOST_HUE` at most), saturation
    and value in 0..255 (they are clipped).
    """

    hue: int = 0
    saturation: int = 0
    value: int = 0

    def apply(self, image: np.ndarray, in_place: bool = False) -> np.ndarray:
        """Shift the colours of a uint8 RGB image [H, W, 3].

        Returns:
            A new array; `image` itself with `in_place`, or where there is nothing to shift.
        """
        if self.hue == self.saturation == self.value == 0:
            return image
        # OpenCV adds ten times as fast as it looks up in a table, and its conversion wraps hues beyond 179. Hues below
        # 0 would be clipped: with red and blue exchanged, hue runs the other way.
        forwards = self.hue >= 0
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV if forwards else cv2.COLOR_BGR2HSV)
        amounts = np.array([abs(self.hue), self.saturation, self.value, 0], np.float64)  # OpenCV's scalar has four
        cv2.add(hsv, amounts, dst=hsv)
        back = cv2.COLOR_HSV2RGB if forwards else cv2.COLOR_HSV2BGR
        return cv2.cvtColor(hsv, back, dst=image if in_place else hsv)
