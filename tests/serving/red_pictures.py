"""Grey pictures with a red box."""

import io

import numpy as np
from PIL import Image


def picture(x1: int, y1: int, x2: int, y2: int, width: int = 64, height: int = 64, format: str = "PNG") -> bytes:
    """Return the file of a grey picture with a red box."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[y1:y2, x1:x2] = (255, 0, 0)
    file = io.BytesIO()
    Image.fromarray(image).save(file, format)
    return file.getvalue()
