"""The classes of COCO, by label: names, and the ids of their categories (Lin et al. 2014, https://cocodataset.org).

Ids run from 1 to 90, of which ten were never annotated. In models with columns for all ids, these classes have names
such as `unused 12`.
"""

NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
UNUSED_IDS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)

# The 80 classes.
IDS = tuple(number for number in range(1, 91) if number not in UNUSED_IDS)
# All ids, for models whose softmax has a column for each.
IDS_90 = tuple(range(1, 91))
_BY_ID = dict(zip(IDS, NAMES, strict=True))
NAMES_90 = tuple(_BY_ID.get(number, f"unused {number}") for number in IDS_90)
