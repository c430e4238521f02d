"""Give damaged files to everything that reads files, and report what ends in another error than one of ours.

    python tools/fuzz.py                          # 10,000 inputs
    python tools/fuzz.py --inputs 1000000 --seed 7
    python tools/fuzz.py --door coco voc          # these readers only
    python tools/fuzz.py --atheris coco           # guided by coverage, where atheris is installed; until Ctrl-C

An input is a small sound file with some changes: bytes flipped, parts cut out, doubled or exchanged, and texts put in
that have broken readers before. Reading it must succeed or raise `BadInput` or `RunFailure` within some seconds. Each
finding is written to a folder, named after its door and its error, and exits with 1.
"""

import argparse
import json
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from detect.artefacts.export_card import ExportCard
from detect.config import from_json
from detect.data.pixels.images import decode_image
from detect.data.readers.description import open_dataset
from detect.errors import BadInput, RunFailure
from detect.evaluation.detections import read_detections
from detect.evaluation.truth import truth_from_file
from detect.models.card import ModelCard
from detect.weights.files.tensor_files import read_tensors

SECONDS = 20  # within which an input has to be read
MOST_CHANGES = 4
TOKENS = (
    *(
        b"\0",
        b"\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"'",
        b'"',
        b"-1",
        b"0",
        b"1e999",
        b"-1e999",
        b"nan",
        b"NaN",
        b"null",
    ),
    *(
        b"true",
        b"[]",
        b"{}",
        b"[[[[[[[[",
        b"{{{{",
        b"9" * 5000,
        b"1" * 20,
        b"9223372036854775808",
        b"\\ud800",
        b"\xed\xa0\x80",
    ),
    *(
        b"../../..",
        b"/dev/zero",
        b"x" * 300,
        b"*a",
        b"&a ",
        b"<<: *a",
        b'!!int ""',
        b"!!float x",
        b"2024-13-45",
        b"!!binary x",
    ),
    *(
        b"<!DOCTYPE a>",
        b"&lol;",
        b'encoding="gb2312"',
        b'encoding="x"',
        b"%s",
        b"%00",
        b"\x1b]0;x\x07",
        b"=1+1",
        "é漢😀".encode(),
    ),
)


@dataclass(frozen=True)
class Door:
    """Something that reads a file: sound content, the name of the file, and what reads it in a folder with images."""

    seeds: Sequence[bytes]
    file: str
    read: Callable[[Path], object]


def picture(format: str, mode: str = "RGB", **options) -> bytes:
    """Return a small image of noise, encoded."""
    file = BytesIO()
    rng = random.Random(0)
    size = 24 * 16
    image = Image.frombytes(mode, (24, 16), rng.randbytes(size * len(mode)))
    image.save(file, format, **options)
    return file.getvalue()


def safetensors() -> bytes:
    """Return a file with two tensors."""
    header = {
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(24)


COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 24, "height": 16}, {"id": "x", "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog", "supercategory": "none"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10.5, 8], "area": 84, "iscrowd": 0},
        {"id": 2, "image_id": "x", "category_id": 2, "segmentation": [[1, 1, 5, 1, 5, 6]], "iscrowd": 1},
        {"id": 3, "image_id": 1, "category_id": 2, "segmentation": {"size": [16, 24], "counts": "04"}},
    ],
}
RESULTS = [
    {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
    {
        "image_id": "x",
        "category_id": 2,
        "bbox": [0, 0, 1.5, 4],
        "score": 1,
        "file_name": "b.jpg",
        "category_name": "dog",
    },
]
VOC = (
    "<annotation><filename>a.jpg</filename><size><width>24</width><height>16</height><depth>3</depth></size>"
    "<object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax>"
    "</bndbox></object></annotation>"
)
MODEL_CARD = {
    "format_version": 1, "model": "yolox-nano", "config": {}, "classes": ["a"], "category_ids": [1], "image_size": 64,
}  # fmt: skip
EXPORT_CARD = {
    "format": "onnx", "precision": "float32", "canvases": [[64, 64]], "weights": "0", "size_divisor": 32,
    "smallest_side": 64, "confidence": 0.05, "iou": 0.5, "files": {"a.onnx": "0"},
}  # fmt: skip
NATIVE = b"format: coco\nclasses: [cat, dog]\nsplits:\n  train: {annotations: truth.json, images: .}\n"
CSV = b"filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,24,16,cat,1,2,9,8\nb.jpg,24,16,dog,0,0,5,5\n"

DOORS = {
    "coco": Door([json.dumps(COCO).encode()], "truth.json", open_dataset),
    "truth": Door([json.dumps(COCO).encode()], "truth.json", truth_from_file),
    "results": Door([json.dumps(RESULTS).encode()], "results.json", read_detections),
    "native": Door([NATIVE], "data.yaml", open_dataset),
    "yolo": Door([b"path: .\ntrain: images\nnames: [cat, dog]\n", b"train: l.txt\nnc: 2\n"], "data.yaml", open_dataset),
    "yolo labels": Door(
        [b"0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.9 0.1 0.5 0.9\n"],
        "labels/a.txt",
        lambda path: open_dataset(path.parents[1] / "list.yaml"),
    ),
    "yolo list": Door(
        [b"images/a.jpg\n./images/b.jpg\n"], "l.txt", lambda path: open_dataset(path.parent / "list.yaml")
    ),
    "darknet": Door([b"classes = 2\ntrain = l.txt\nnames = names.txt\n"], "obj.data", open_dataset),
    "names": Door([b"cat\ndog\n"], "names.txt", lambda path: open_dataset(path.parent / "list.data")),
    "voc": Door([VOC.encode()], "voc/a.xml", lambda path: open_dataset(path.parent)),
    "csv": Door([CSV], "boxes.csv", open_dataset),
    "image": Door(
        [
            *(picture("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
            *(picture("PNG", mode) for mode in ("RGB", "RGBA", "LA")),
            *(picture(format) for format in ("GIF", "BMP", "TIFF", "WEBP", "PPM")),
            picture("JPEG", progressive=True),
        ],
        "a.bin",
        lambda path: decode_image(path.read_bytes(), str(path)),
    ),
    "model card": Door(
        [json.dumps(MODEL_CARD).encode()], "model.json", lambda path: from_json(ModelCard, text_of(path), "model.json")
    ),
    "export card": Door(
        [json.dumps(EXPORT_CARD).encode()],
        "export.json",
        lambda path: from_json(ExportCard, text_of(path), "export.json"),
    ),
    "safetensors": Door([safetensors()], "a.safetensors", read_tensors),
}


def text_of(path: Path) -> str:
    """Return the content of a card, whose reader refuses what is not UTF-8."""
    return path.read_text(encoding="utf-8", errors="replace")


def write_surroundings(folder: Path) -> None:
    """Write what the files of the doors name: images, lists and descriptions."""
    for name in ("a.jpg", "b.jpg", "images/a.jpg", "images/b.jpg", "voc/a.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture("JPEG"))
    texts = {
        "truth.json": json.dumps(COCO),
        "labels/a.txt": "0 0.5 0.5 0.2 0.2\n",
        "l.txt": "images/a.jpg\n",
        "names.txt": "cat\ndog\n",
        "list.yaml": "train: l.txt\nnames: [cat, dog]\n",
        "list.data": "classes = 2\ntrain = l.txt\nnames = names.txt\n",
    }
    (folder / "labels").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


def changed(content: bytes, rng: random.Random) -> bytes:
    """Return content with one to `MOST_CHANGES` changes."""
    for _ in range(rng.randint(1, MOST_CHANGES)):
        start, other = rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice([0, 1, 1, 2, 4, 8, 16, 64]))
        middle = content[start:end]
        choices = (
            rng.randbytes(len(middle)),
            b"",
            middle * rng.choice([2, 3, 100]),
            rng.choice(TOKENS),
            middle + rng.choice(TOKENS),
            content[other : other + 16],
        )
        content = content[:start] + rng.choice(choices) + content[end:]
    return content


def error_of(door: Door, content: bytes, folder: Path) -> str:
    """Return the name of the error that reading ends in, if it is none of ours; empty otherwise."""
    path = folder / door.file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    signal.alarm(SECONDS)
    try:
        door.read(path)
    except (BadInput, RunFailure):
        return ""
    except Exception as error:  # that is what is looked for
        return type(error).__name__
    finally:
        signal.alarm(0)
    return ""


def too_slow(*_) -> None:
    """End an input that takes too long."""
    raise TimeoutError


def fuzz(names: Sequence[str], inputs: int, seed: int, out: Path | None = None) -> dict[tuple[str, str], int]:
    """Give inputs to doors in turns, and return how many ended in which unexpected error, by door and error.

    Args:
        names: of the doors.
        inputs: how many.
        seed: decides what they are.
        out: folder for the first input of each finding.
    """
    signal.signal(signal.SIGALRM, too_slow)
    found = Counter[tuple[str, str]]()
    for name in names:
        folder = Path(tempfile.mkdtemp())
        try:
            write_surroundings(folder)
            for number in range(inputs // len(names)):
                rng = random.Random(f"{seed} {name} {number}")
                content = changed(rng.choice(DOORS[name].seeds), rng)
                if error := error_of(DOORS[name], content, folder):
                    if out and not found[name, error]:
                        out.mkdir(parents=True, exist_ok=True)
                        (out / f"{name.replace(' ', '_')}_{error}_{number}.bin").write_bytes(content)
                    found[name, error] += 1
        finally:
            shutil.rmtree(folder)
    return dict(found)


def guided(name: str) -> None:
    """Let atheris search for inputs of one door, guided by coverage; it ends at the first finding, or by Ctrl-C."""
    import atheris

    folder = Path(tempfile.mkdtemp())
    write_surroundings(folder)
    signal.signal(signal.SIGALRM, too_slow)

    def one(content: bytes) -> None:
        if error := error_of(DOORS[name], content, folder):
            raise AssertionError(error)

    atheris.instrument_all()
    atheris.Setup(sys.argv[:1], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--door", nargs="+", choices=DOORS, default=list(DOORS))
    parser.add_argument("--atheris", choices=DOORS, help="let atheris search for inputs of this door")
    parser.add_argument("--out", type=Path, default=Path("fuzz_findings"), help="folder of findings")
    arguments = parser.parse_args()
    if arguments.atheris:
        guided(arguments.atheris)
        return 0
    start = time.monotonic()
    found = fuzz(arguments.door, arguments.inputs, arguments.seed, arguments.out)
    seconds = time.monotonic() - start
    for (name, error), count in sorted(found.items()):
        print(f"{name}: {error} ({count})")
    print(f"{arguments.inputs} inputs in {seconds:.0f} s, {len(found)} kinds of unexpected errors.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
