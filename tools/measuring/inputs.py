"""Files that comparisons read: some created once per call of `measure_speed.py`, others real images and videos."""

import functools
import itertools
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from measuring.environments import python_of
from measuring.workers import Worker

FRAMES = 200  # in the video
IMAGES, OBJECTS, DETECTIONS, CLASSES = (
    5_000,
    36_000,
    500_000,
    80,
)  # as many as COCO's validation split has, and results for it


class Inputs:
    """Paths of the files. Each file is created, or found, when it is first asked for."""

    def __init__(self, data: Path, folder: Path):
        """
        Args:
            data: folder that contains `bccd` (Pascal VOC) and `videos`.
            folder: folder to write to.
        """
        data = data.resolve()
        self.bccd = data / "bccd"
        self._long_video = data / "videos" / "one-by-one-person-detection.mp4"
        self.folder = folder
        for path in (self.bccd, self._long_video):
            if not path.exists():
                raise SystemExit(f"{path} does not exist. Give the folder that contains bccd and videos with --data.")

    @functools.cached_property
    def photo(self) -> Path:
        return min((self.bccd / "JPEGImages").glob("*.jpg"))

    @functools.cached_property
    def video(self) -> Path:
        """A video of `FRAMES` frames, 768 x 432 pixels."""
        from detect.inference.sources.finding import find_sources, read_frames
        from detect.inference.writers.video_encoder import VideoWriter

        frames = itertools.islice(read_frames(find_sources(str(self._long_video)), print), FRAMES)
        first = next(frames)
        assert first.video is not None
        with VideoWriter(self.folder / "video.mp4", first.video, first.width, first.height) as writer:
            for frame in itertools.chain([first], frames):
                writer.write(frame.image, frame.timestamp or Fraction(0))
        return self.folder / "video.mp4"

    @functools.cached_property
    def yolo(self) -> Path:
        """BCCD as Ultralytics reads it, with links to the same images."""
        import detect

        dataset = detect.open_dataset(self.bccd)
        root = self.folder / "yolo"
        for name, records in dataset.splits.items():
            for kind in ("images", "labels"):
                (root / kind / name).mkdir(parents=True)
            for record in records:
                (root / "images" / name / record.image_path.name).symlink_to(record.image_path.resolve())
                middles, sides = (
                    (record.boxes[:, :2] + record.boxes[:, 2:]) / 2,
                    record.boxes[:, 2:] - record.boxes[:, :2],
                )
                boxes = np.concatenate([middles, sides], axis=1) / np.tile([record.width, record.height], 2)
                rows = zip(record.labels.tolist(), boxes.tolist(), strict=True)
                lines = [" ".join(map(str, [label, *box])) for label, box in rows]
                (root / "labels" / name / f"{record.image_path.stem}.txt").write_text("\n".join(lines))
        description = {"path": str(root), "names": list(dataset.classes), "nc": len(dataset.classes)}
        splits = {name: f"images/{name}" for name in dataset.splits}
        (root / "data.yaml").write_text(json.dumps({**description, **splits}))  # JSON is YAML
        return root / "data.yaml"

    @functools.cache  # noqa: B019  a process has only one of these objects
    def saved(self, name: str = "yolox-micro") -> Path:
        """Return a model of this project that is saved with random weights."""
        folder = self.folder / name
        with Worker(sys.executable, "our_api.py") as worker:  # TensorFlow would add to this process's memory
            worker.do(f"save {name} 640 {folder}")
        return folder

    @functools.cache  # noqa: B019
    def exported(self, side: int, name: str = "yolox-micro") -> Path:
        """Return such a model exported to OpenVINO, for images of this side."""
        folder = self.folder / f"{name}_{side}"
        with Worker(sys.executable, "our_api.py") as worker:
            worker.do(f"export {self.saved(name)} {side} {folder}")
        return folder

    @functools.cache  # noqa: B019
    def exported_twin(self, side: int, name: str) -> Path:
        """Return the OpenVINO IR of the model of transformers that has the structure of ours of this name."""
        file = self.folder / f"{name}_{side}.xml"
        with Worker(python_of("transformers"), "transformers_models.py") as worker:
            worker.do(f"{name} {side} openvino {file}")
        return file

    @functools.cached_property
    def coco(self) -> tuple[Path, Path]:
        """Annotations and results as many as COCO's validation split has; half of the detections are near an object."""
        random = np.random.default_rng(0)
        owners, kinds = random.integers(1, IMAGES + 1, OBJECTS), random.integers(1, CLASSES + 1, OBJECTS)
        boxes = random_boxes(random, OBJECTS)
        images, categories = random.integers(1, IMAGES + 1, DETECTIONS), random.integers(1, CLASSES + 1, DETECTIONS)
        found, scores = random_boxes(random, DETECTIONS), random.random(DETECTIONS).round(4)
        near = random.integers(0, OBJECTS, DETECTIONS // 2)
        rows = slice(0, len(near))
        images[rows], categories[rows] = owners[near], kinds[near]
        found[rows] = (boxes[near] * random.normal(1, 0.1, (len(near), 4))).round(2)
        truth = {
            "images": [{"id": number, "width": 640, "height": 480, "file_name": ""} for number in range(1, IMAGES + 1)],
            "categories": [{"id": number, "name": f"class {number}"} for number in range(1, CLASSES + 1)],
            "annotations": [
                {"id": row, "image_id": image, "category_id": kind, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                for row, (image, kind, box) in enumerate(columns(owners, kinds, boxes), 1)
            ],
        }
        results = [
            {"image_id": image, "category_id": kind, "bbox": box, "score": score}
            for image, kind, box, score in columns(images, categories, found, scores)
        ]
        paths = self.folder / "truth.json", self.folder / "results.json"
        for path, content in zip(paths, (truth, results), strict=True):
            path.write_text(json.dumps(content))
        return paths

    @functools.cache  # noqa: B019  a process has only one of these objects
    def growing(self, count: int) -> Path:
        """Return a COCO file of `count` images with one object each; the images are links to a hundred of BCCD."""
        root = self.folder / f"images_{count}"
        (root / "train").mkdir(parents=True)
        photos = sorted(path.resolve() for path in (self.bccd / "JPEGImages").glob("*.jpg"))[:100]
        names = [f"{number:012d}.jpg" for number in range(count)]
        for number, name in enumerate(names):
            os.symlink(photos[number % len(photos)], root / "train" / name)
        boxes = random_boxes(np.random.default_rng(0), count, 200).tolist()
        truth = {
            "images": [
                {"id": number, "file_name": name, "width": 640, "height": 480} for number, name in enumerate(names, 1)
            ],
            "categories": [{"id": 1, "name": "cell"}],
            "annotations": [
                {"id": number, "image_id": number, "category_id": 1, "bbox": box, "iscrowd": 0}
                for number, box in enumerate(boxes, 1)
            ],
        }
        (root / "train.json").write_text(json.dumps(truth))
        return root / "train.json"


def random_boxes(random: np.random.Generator, count: int, most: float = 400) -> np.ndarray:
    """Return boxes float64 [count, 4] as x, y, width, height, within 640 x 480 pixels."""
    sides = random.uniform(8, most, (count, 2))
    corners = random.random((count, 2)) * np.maximum((640, 480) - sides, 0)
    return np.concatenate([corners, sides], axis=1).round(2)


def columns(*arrays: np.ndarray):
    """Return the rows of several arrays as Python numbers."""
    return zip(*(array.tolist() for array in arrays), strict=True)
