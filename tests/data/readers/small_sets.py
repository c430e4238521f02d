"""Small datasets of every form that a reader accepts, all with the same truth, for the contract test of readers.

A new form needs its row in `SETS`: a function that writes the truth as such a dataset, and one that breaks a single
annotation of it. `EXPORTS` are the same forms as annotation tools write them.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from small_exports import (
    spoil_automl,
    spoil_darwin,
    spoil_darwin_first,
    spoil_datumaro,
    spoil_hasty,
    spoil_kitti,
    spoil_labelbox,
    spoil_manifest,
    spoil_metadata,
    spoil_mot,
    spoil_ultralytics,
    spoil_vertex,
    spoil_via,
    spoil_via_csv,
    spoil_via_third,
    spoil_visdrone,
    spoil_vott,
    spoil_wider_face,
    write_automl,
    write_city_persons,
    write_cityscapes,
    write_darwin,
    write_darwin_first,
    write_datumaro,
    write_datumaro_file,
    write_hasty_file,
    write_hasty_folder,
    write_kitti,
    write_labelbox_file,
    write_labelbox_files,
    write_labelbox_list,
    write_manifest,
    write_manifests,
    write_metadata_file,
    write_metadata_files,
    write_mot,
    write_tao,
    write_ultralytics_file,
    write_ultralytics_folder,
    write_vertex_file,
    write_vertex_files,
    write_via_csv,
    write_via_file,
    write_via_files,
    write_via_first,
    write_via_project,
    write_via_third,
    write_visdrone,
    write_vott_json,
    write_vott_jsons,
    write_wider_face,
)
from small_truth import (
    CLASSES,
    HEIGHT,
    TRUTH,
    WIDTH,
    Box,
    SmallSet,
    boxes_of,
    encoded_image,
    replace,
    replacing,
    spoiling,
    write_images,
    write_splits,
    write_text,
)

# COCO


def coco_json(path: Path, split: str) -> Path:
    """Write the annotations of a split; their ids count from 1, and category ids are 3 and 7."""
    boxes = [(number, box) for number, name in enumerate(TRUTH[split], 1) for box in TRUTH[split][name]]
    annotations = [
        {
            "id": row,
            "image_id": number,
            "category_id": (3, 7)[box.label],
            "bbox": [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1],
            "iscrowd": int(box.ignore),
        }
        for row, (number, box) in enumerate(boxes, 1)
    ]
    images = [
        {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for number, name in enumerate(TRUTH[split], 1)
    ]
    categories = [{"id": 3, "name": "bus"}, {"id": 7, "name": "car"}]
    return write_text(path, json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def spoil_coco(path: Path) -> str:
    """Take a number out of the box with id 4, the only one of "c.png"."""
    replace(path, "[10, 5, 20, 10]", '[10, 5, "wide", 10]')
    return "annotation 4"


def write_coco_file(folder: Path) -> Path:
    write_images(folder / "images", "train")
    return coco_json(folder / "train.json", "train")


def write_roboflow(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}/_annotations.coco.json", coco_json, "valid")


def write_roboflow_split(folder: Path) -> Path:
    write_images(folder / "train", "train")
    coco_json(folder / "train" / "_annotations.coco.json", "train")
    return folder / "train"


def write_coco_layout(folder: Path) -> Path:
    return write_splits(folder, "{}2017", "annotations/instances_{}2017.json", coco_json)


def write_coco_files(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}.json", coco_json)


def write_cvat_coco(folder: Path) -> Path:
    """Write the only subset, `default`, as CVAT does."""
    write_images(folder / "images" / "default", "train")
    path = coco_json(folder / "annotations" / "instances_default.json", "train")
    change_coco(path, {"license": 0, "coco_url": ""}, {"segmentation": [], "attributes": {"occluded": False}})
    return folder


def write_label_studio_coco(folder: Path) -> Path:
    """Write names that begin with the folder of the images, with the slash of Windows."""
    write_images(folder / "images", "train")
    path = coco_json(folder / "result.json", "train")
    content = change_coco(path, {}, {"segmentation": [], "ignore": 0})
    for image in content["images"]:
        image["file_name"] = f"images\\{image['file_name']}"
    write_text(path, json.dumps(content))
    return folder


def write_fiftyone_coco(folder: Path) -> Path:
    write_images(folder / "data", "train")
    change_coco(coco_json(folder / "labels.json", "train"), {"license": None, "coco_url": None}, {"supercategory": "x"})
    return folder


def write_fiftyone_splits(folder: Path) -> Path:
    return write_splits(folder, "{}/data", "{}/labels.json", coco_json)


def change_coco(path: Path, image: dict, annotation: dict) -> dict:
    """Add what a tool writes in each image and each annotation; return the content."""
    content = json.loads(path.read_text())
    content["images"] = [{**entry, **image} for entry in content["images"]]
    content["annotations"] = [{**entry, **annotation} for entry in content["annotations"]]
    write_text(path, json.dumps({"info": {}, "licenses": [], **content}))
    return content


def write_description(folder: Path) -> Path:
    write_splits(folder, "images/{}", "{}.json", coco_json)
    splits = {split: {"annotations": f"{split}.json", "images": f"images/{split}"} for split in ("train", "val")}
    content = {"format": "coco", "classes": list(CLASSES), "splits": splits}
    return write_text(folder / "set.yaml", yaml.safe_dump(content))


# YOLO and darknet


def write_labels(folder: Path, split: str) -> None:
    """Write a label file for each image."""
    for name, boxes in TRUTH[split].items():
        lines = [
            f"{box.label} {(box.x1 + box.x2) / 2 / WIDTH} {(box.y1 + box.y2) / 2 / HEIGHT} "
            f"{(box.x2 - box.x1) / WIDTH} {(box.y2 - box.y1) / HEIGHT}\n"
            for box in boxes
            if not box.ignore
        ]
        write_text((folder / name).with_suffix(".txt"), "".join(lines))


def write_yolo(folder: Path) -> Path:
    write_splits(folder, "images/{}", "labels/{}", write_labels)
    content = {"names": list(CLASSES), "train": "images/train", "val": "images/val"}
    return write_text(folder / "data.yaml", yaml.safe_dump(content))


def write_darknet(folder: Path) -> Path:
    for split in ("train", "val"):
        write_images(folder / "data" / "img", split)
        write_labels(folder / "data" / "img", split)
        lines = [f"data/img/{name}\n" for name in TRUTH[split]]
        write_text(folder / "data" / f"{split}.txt", "".join(lines))
    write_names(folder / "data" / "obj.names")
    values = {"classes": 2, "train": "data/train.txt", "valid": "data/val.txt", "names": "data/obj.names"}
    return write_text(folder / "data" / "obj.data", "".join(f"{name} = {value}\n" for name, value in values.items()))


def write_names(path: Path) -> Path:
    return write_text(path, "".join(f"{name}\n" for name in CLASSES))


def write_yolo_folder(folder: Path) -> Path:
    write_splits(folder, "images/{}", "labels/{}", write_labels)
    write_names(folder / "labels" / "classes.txt")
    return folder


def write_labelimg_yolo(folder: Path) -> Path:
    """Write labels beside their images, as labelImg does."""
    write_images(folder, "train")
    write_labels(folder, "train")
    write_names(folder / "classes.txt")
    return folder


def write_label_studio_yolo(folder: Path) -> Path:
    write_images(folder / "images", "train")
    write_labels(folder / "labels", "train")
    write_names(folder / "classes.txt")
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES)]
    write_text(folder / "notes.json", json.dumps({"categories": categories, "info": {"version": "1.0"}}))
    return folder


def write_roboflow_yolo(folder: Path) -> Path:
    """Write a folder per split, which the YAML names as if it lay in a folder of its own."""
    write_splits(folder, "{}/images", "{}/labels", write_labels, "valid")
    content = {"train": "../train/images", "val": "../valid/images", "nc": 2, "names": list(CLASSES)}
    return write_text(folder / "data.yaml", yaml.safe_dump(content))


def write_hub_yolo(folder: Path) -> Path:
    """Write a YAML of the name of its folder, whose `path` and `test` are empty, as Ultralytics HUB takes it."""
    write_splits(folder, "cars/images/{}", "cars/labels/{}", write_labels)
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASSES))
    text = f"path:  # dataset root dir\ntrain: images/train  # 8 images\nval: images/val\ntest:\n\nnames:\n{names}"
    return write_text(folder / "cars" / "cars.yaml", text)


def write_cvat_yolo(folder: Path) -> Path:
    """Write lists of images, whose paths begin with `data`, and numbered names, as CVAT does for Ultralytics."""
    for split in ("train", "val"):
        write_images(folder / "images" / split, split)
        write_labels(folder / "labels" / split, split)
        write_text(folder / f"{split}.txt", "".join(f"data/images/{split}/{name}\n" for name in TRUTH[split]))
    content = {"names": dict(enumerate(CLASSES)), "path": ".", "train": "train.txt", "val": "val.txt"}
    return write_text(folder / "data.yaml", yaml.safe_dump(content))


def write_cvat_darknet(folder: Path) -> Path:
    """Write lists whose paths begin with `data`, in which nothing lies, as CVAT does for YOLO 1.1."""
    write_images(folder / "obj_train_data", "train")
    write_labels(folder / "obj_train_data", "train")
    write_text(folder / "train.txt", "".join(f"data/obj_train_data/{name}\n" for name in TRUTH["train"]))
    write_names(folder / "obj.names")
    values = "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
    return write_text(folder / "obj.data", values)


def spoil_labels(path: Path) -> str:
    write_text(path, "\n1 0.5 0.5 wide 0.5\n")
    return ":2"


# Pascal VOC


def voc_xml(boxes: tuple[Box, ...]) -> str:
    """Return the annotations of one image, one element per line; VOC counts pixels from 1."""
    lines = ["<annotation>", f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"]
    for box in boxes:
        corners = {"xmin": box.x1 + 1, "ymin": box.y1 + 1, "xmax": box.x2, "ymax": box.y2}
        inside = "".join(f"<{name}>{value}</{name}>" for name, value in corners.items())
        lines += [
            "<object>",
            f"<name>{CLASSES[box.label]}</name>",
            f"<difficult>{int(box.ignore)}</difficult>",
            f"<bndbox>{inside}</bndbox>",
            "</object>",
        ]
    return "\n".join([*lines, "</annotation>"])


def write_voc(folder: Path) -> Path:
    for split in ("train", "val"):
        write_images(folder / "JPEGImages", split)
        stems = [Path(name).stem for name in TRUTH[split]]
        write_text(folder / "ImageSets" / "Main" / f"{split}.txt", "\n".join(stems))
        for stem, boxes in zip(stems, TRUTH[split].values(), strict=True):
            write_text(folder / "Annotations" / f"{stem}.xml", voc_xml(boxes))
    return folder


def write_annotations(folder: Path, split: str, xml: Callable[[tuple[Box, ...]], str] = voc_xml) -> None:
    for name, boxes in TRUTH[split].items():
        write_text((folder / name).with_suffix(".xml"), xml(boxes))


def write_labelimg_voc(folder: Path) -> Path:
    """Write annotation files beside their images, as labelImg does."""
    write_images(folder, "train")
    write_annotations(folder, "train")
    return folder


def write_roboflow_voc(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}", write_annotations, "valid")


def write_label_studio_voc(folder: Path) -> Path:
    write_images(folder / "images", "train")
    write_annotations(folder / "Annotations", "train")
    return folder


def write_cvat_voc(folder: Path) -> Path:
    """Write folders of tasks, and the one list `default`, with names in quotation marks where they have spaces."""
    write_images(folder / "JPEGImages" / "cam 1", "train")
    write_annotations(folder / "Annotations" / "cam 1", "train")
    lines = [f'"cam 1/{Path(name).stem}"\n' for name in TRUTH["train"]]
    write_text(folder / "ImageSets" / "Main" / "default.txt", "".join(lines))
    return folder


def write_vott_voc(folder: Path) -> Path:
    """Write lists for each class, of names with suffixes."""
    for split in ("train", "val"):
        write_images(folder / "JPEGImages", split)
        write_annotations(folder / "Annotations", split)
        for label, name in enumerate(CLASSES):
            lines = [
                f"{image} {1 if any(box.label == label for box in boxes) else -1}"
                for image, boxes in TRUTH[split].items()
            ]
            write_text(folder / "ImageSets" / "Main" / f"{name}_{split}.txt", "\r\n".join(lines))
    return folder


def write_paddle_voc(folder: Path) -> Path:
    """Write lists beside the folders, of images with their annotation files."""
    for split in ("train", "val"):
        write_images(folder / "images", split)
        write_annotations(folder / "annotations", split)
        lines = [f"images/{name} annotations/{Path(name).stem}.xml\n" for name in TRUTH[split]]
        write_text(folder / f"{split}_list.txt", "".join(lines))
    return folder


def rotated_xml(boxes: tuple[Box, ...]) -> str:
    """Return annotations of roLabelImg: the same boxes, turned by a right angle."""
    lines = ["<annotation>", "<filename>x</filename>"]
    for box in boxes:
        center = f"<cx>{(box.x1 + box.x2) / 2}</cx><cy>{(box.y1 + box.y2) / 2}</cy>"
        size = f"<w>{box.y2 - box.y1}</w><h>{box.x2 - box.x1}</h>"
        lines += [
            "<object>",
            f"<type>robndbox</type><name>{CLASSES[box.label]}</name><difficult>{int(box.ignore)}</difficult>",
            f"<robndbox>{center}{size}<angle>{math.pi / 2}</angle></robndbox>",
            "</object>",
        ]
    return "\n".join([*lines, "</annotation>"])


def write_rolabelimg(folder: Path) -> Path:
    write_images(folder, "train")
    write_annotations(folder, "train", rotated_xml)
    return folder


spoil_rotated = replacing("<h>20</h>", "<h>high</h>", ":3")

spoil_voc = replacing("<xmax>30</xmax>", "<xmax>wide</xmax>", ":3")


# CVAT


def cvat_box(box: Box, more: str = "") -> str:
    """Return a box; CVAT counts from 0 and writes two decimals."""
    corners = {"xtl": box.x1, "ytl": box.y1, "xbr": box.x2, "ybr": box.y2}
    attributes = " ".join(f'{name}="{value}.00"' for name, value in corners.items())
    return f'<box {more} {attributes} occluded="0"></box>'


def cvat_xml(elements: Iterable[str]) -> str:
    """Return a file whose labels are the classes, one element per line."""
    labels = "".join(f"<label><name>{name}</name><type>any</type></label>" for name in CLASSES)
    meta = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
    return "\n".join(['<?xml version="1.0"?>', "<annotations>", meta, *elements, "</annotations>"])


def cvat_images(split: str, more: str = "") -> list[str]:
    """Return the images of a split without regions to ignore, which CVAT does not have."""
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    images = []
    for number, (name, boxes) in enumerate(TRUTH[split].items()):
        inside = "".join(cvat_box(box, f'label="{CLASSES[box.label]}"') for box in boxes if not box.ignore)
        images.append(f'<image id="{number}" name="{name}" {more} {size}>{inside}</image>')
    return images


def write_cvat_file(folder: Path) -> Path:
    write_images(folder / "images", "train")
    return write_text(folder / "annotations.xml", cvat_xml(cvat_images("train")))


def write_cvat_project(folder: Path) -> Path:
    """Write a project with a subset per split, whose images lie in folders of these names."""
    for split, subset in (("train", "Train"), ("val", "Validation")):
        write_images(folder / "images" / subset, split)
    images = [*cvat_images("train", 'subset="Train"'), *cvat_images("val", 'subset="Validation"')]
    write_text(folder / "annotations.xml", cvat_xml(images))
    return folder


spoil_cvat = replacing('xbr="30.00"', 'xbr="wide"', "image entry 2")


# Label Studio


def studio_value(box: Box) -> dict:
    """Return a rectangle in percent of the image."""
    return {
        "x": 100 * box.x1 / WIDTH,
        "y": 100 * box.y1 / HEIGHT,
        "width": 100 * (box.x2 - box.x1) / WIDTH,
        "height": 100 * (box.y2 - box.y1) / HEIGHT,
        "rotation": 0,
        "rectanglelabels": [CLASSES[box.label]],
    }


def studio_size() -> dict:
    return {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}


def studio_tasks(split: str) -> list[dict]:
    """Return the tasks of a split, whose images were uploaded, without regions to ignore."""
    results = {
        name: [
            {"id": f"{name}{row}", "type": "rectanglelabels", "value": studio_value(box), **studio_size()}
            for row, box in enumerate(box for box in boxes if not box.ignore)
        ]
        for name, boxes in TRUTH[split].items()
    }
    return [
        {
            "id": number,
            "annotations": [{"id": number, "was_cancelled": False, "ground_truth": False, "result": result}],
            "predictions": [],
            "data": {"image": f"/data/upload/1/{name}"},
        }
        for number, (name, result) in enumerate(results.items(), 1)
    ]


def write_studio_file(folder: Path) -> Path:
    write_images(folder, "train")
    return write_text(folder / "project-1.json", json.dumps(studio_tasks("train")))


def write_studio_files(folder: Path) -> Path:
    return write_splits(
        folder, "images", "{}.json", lambda path, split: write_text(path, json.dumps(studio_tasks(split)))
    )


def write_studio_short(folder: Path) -> Path:
    """Write the short form, in which images without regions have no list of them."""
    write_images(folder / "images", "train")
    tasks = []
    for number, (name, boxes) in enumerate(TRUTH["train"].items(), 1):
        regions = [{**studio_value(box), **studio_size()} for box in boxes if not box.ignore]
        about = {"annotator": 1, "annotation_id": number, "created_at": "2026-01-01T10:00:00Z", "lead_time": 2.5}
        tasks.append(
            {"image": f"/data/upload/1/{name}", "id": number, **({"label": regions} if regions else {}), **about}
        )
    write_text(folder / "project-1-min.json", json.dumps(tasks))
    return folder


def spoil_studio(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    start = text.index("c.png")
    path.write_text(text[:start] + re.sub(r'"height": 50\.0', '"height": "tall"', text[start:], count=1), "utf-8")
    return "task 2"


# Supervisely


def supervisely_json(boxes: Iterable[Box]) -> str:
    """Return the annotations of one image: corners are the first and the last pixel of a box."""
    objects = [
        {
            "classTitle": CLASSES[box.label],
            "geometryType": "rectangle",
            "tags": [],
            "points": {"exterior": [[box.x1, box.y1], [box.x2 - 1, box.y2 - 1]], "interior": []},
        }
        for box in boxes
        if not box.ignore
    ]
    size = {"height": HEIGHT, "width": WIDTH}
    return json.dumps({"description": "", "tags": [], "size": size, "objects": objects})


def write_supervisely(folder: Path) -> Path:
    for split, name in (("train", "train"), ("val", "validation")):
        write_images(folder / name / "img", split)
        for image, boxes in TRUTH[split].items():
            write_text(folder / name / "ann" / f"{image}.json", supervisely_json(boxes))
    classes = [{"title": name, "shape": "rectangle", "color": "#000000"} for name in CLASSES]
    write_text(folder / "meta.json", json.dumps({"classes": classes, "tags": [], "projectType": "images"}))
    return folder


spoil_supervisely = replacing("[29, 14]", '["wide", 14]', ", annotation 0")


# TFRecord


def encoded_example(features: Mapping[str, Sequence]) -> bytes:
    """Return a serialised `tf.train.Example`, as TensorFlow writes it."""
    import tensorflow as tf

    def feature(values: Sequence) -> "tf.train.Feature":
        if values and isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if values and isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    encoded = tf.train.Features(feature={name: feature(values) for name, values in features.items()})
    return tf.train.Example(features=encoded).SerializeToString()


def write_records(path: Path, records: Iterable[bytes], compression: str = "") -> Path:
    """Write a TFRecord file, as TensorFlow does."""
    import tensorflow as tf

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path


def detection_example(name: str, boxes: Sequence[Box]) -> dict[str, list]:
    """Return the features of an image as the Object Detection API names them; its classes count from 1."""
    return {
        "image/encoded": [encoded_image(name)],
        "image/format": [b"png"],
        "image/filename": [name.encode()],
        "image/source_id": [name.encode()],
        "image/width": [WIDTH],
        "image/height": [HEIGHT],
        "image/object/bbox/xmin": [box.x1 / WIDTH for box in boxes],
        "image/object/bbox/xmax": [box.x2 / WIDTH for box in boxes],
        "image/object/bbox/ymin": [box.y1 / HEIGHT for box in boxes],
        "image/object/bbox/ymax": [box.y2 / HEIGHT for box in boxes],
        "image/object/class/text": [CLASSES[box.label].encode() for box in boxes],
        "image/object/class/label": [box.label + 1 for box in boxes],
        "image/object/is_crowd": [int(box.ignore) for box in boxes],
    }


def write_detection_records(path: Path, split: str) -> Path:
    return write_records(path, (encoded_example(detection_example(*image)) for image in TRUTH[split].items()))


def write_label_map(path: Path) -> Path:
    items = [f"item {{\n  id: {label + 1}\n  name: '{name}'\n}}\n" for label, name in enumerate(CLASSES)]
    return write_text(path, "\n".join(items))


def write_tfrecord_file(folder: Path) -> Path:
    return write_detection_records(folder / "train.tfrecord", "train")


def write_tfrecords(folder: Path) -> Path:
    for split in ("train", "val"):
        write_detection_records(folder / f"cars_{split}.record-00000-of-00001", split)
    write_label_map(folder / "label_map.pbtxt")
    return folder


def write_roboflow_tfrecords(folder: Path) -> Path:
    for split, name in (("train", "train"), ("val", "valid")):
        write_detection_records(folder / name / "cars.tfrecord", split)
        write_label_map(folder / name / "cars_label_map.pbtxt")
    return folder


def prepared_example(name: str, boxes: Sequence[Box]) -> dict[str, list]:
    """Return the features of an image as TensorFlow Datasets names them; its classes count from 0."""
    return {
        "image": [encoded_image(name)],
        "image/filename": [name.encode()],
        "image/id": [ord(name[0])],
        "objects/bbox": [
            side for box in boxes for side in (box.y1 / HEIGHT, box.x1 / WIDTH, box.y2 / HEIGHT, box.x2 / WIDTH)
        ],
        "objects/label": [box.label for box in boxes],
        "objects/is_crowd": [int(box.ignore) for box in boxes],
    }


def write_prepared(folder: Path) -> Path:
    """Write a dataset as TensorFlow Datasets prepares it."""
    kinds = "tensorflow_datasets.core.features"
    objects = {
        "bbox": {"boundingBox": {"shape": {"dimensions": ["4"]}, "dtype": "float32"}},
        "is_crowd": {"tensor": {"shape": {}, "dtype": "bool"}},
        "label": {"classLabel": {"numClasses": "2"}},
    }
    features = {
        "image": {"pythonClassName": f"{kinds}.image_feature.Image", "image": {"dtype": "uint8"}},
        "image/filename": {"text": {}},
        "image/id": {"tensor": {"shape": {}, "dtype": "int64"}},
        "objects": {"sequence": {"feature": {"featuresDict": {"features": objects}}, "length": "-1"}},
    }
    write_text(folder / "features.json", json.dumps({"featuresDict": {"features": features}}))
    names = {"train": "train", "val": "validation"}
    splits = [{"name": name, "shardLengths": [str(len(TRUTH[split]))]} for split, name in names.items()]
    info = {"name": "cars", "version": "1.0.0", "fileFormat": "tfrecord", "splits": splits}
    write_text(folder / "dataset_info.json", json.dumps(info))
    write_names(folder / "objects-label.labels.txt")
    for split, name in names.items():
        examples = (encoded_example(prepared_example(*image)) for image in TRUTH[split].items())
        write_records(folder / f"cars-{name}.tfrecord-00000-of-00001", examples)
    return folder


def spoil_prepared(path: Path) -> str:
    examples = {name: prepared_example(name, boxes) for name, boxes in TRUTH["train"].items()}
    examples["c.png"]["objects/bbox"][0] = math.nan
    write_records(path, map(encoded_example, examples.values()))
    return "'c.png' at byte"


def spoil_records(path: Path) -> str:
    """Write the records of the split "train" with a box that is not one on "c.png"."""
    examples = {name: detection_example(name, boxes) for name, boxes in TRUTH["train"].items()}
    examples["c.png"]["image/object/bbox/xmin"] = [math.nan]
    write_records(path, map(encoded_example, examples.values()))
    return "'c.png' at byte"


# Tables


def write_table(path: Path, split: str, row: Callable[[str, Box | None], str], header: str = "") -> Path:
    """Write a row per box of a split, and one for each image without boxes."""
    rows = [row(name, box) for name, box in boxes_of(split) if box is None or not box.ignore]
    return write_text(path, "".join(f"{text}\n" for text in ([header] if header else []) + rows))


def tensorflow_row(name: str, box: Box | None) -> str:
    if box is None:
        return f"{name},{WIDTH},{HEIGHT},,,,,"
    return f"{name},{WIDTH},{HEIGHT},{CLASSES[box.label]},{box.x1},{box.y1},{box.x2},{box.y2}"


def tensorflow_table(path: Path, split: str) -> Path:
    return write_table(path, split, tensorflow_row, "filename,width,height,class,xmin,ymin,xmax,ymax")


def retinanet_row(name: str, box: Box | None) -> str:
    return f"{name},{box.x1},{box.y1},{box.x2},{box.y2},{CLASSES[box.label]}" if box else f"{name},,,,,"


def makesense_row(name: str, box: Box | None) -> str:
    if box is None:
        return f",,,,,{name},{WIDTH},{HEIGHT}"
    corner_and_size = f"{box.x1},{box.y1},{box.x2 - box.x1},{box.y2 - box.y1}"
    return f"{CLASSES[box.label]},{corner_and_size},{name},{WIDTH},{HEIGHT}"


def vott_row(name: str, box: Box | None) -> str:
    numbers = f"{box.x1}.0,{box.y1}.0,{box.x2}.0,{box.y2}.0" if box else ",,,"
    return f'"{name}",{numbers},"{CLASSES[box.label] if box else ""}"'


def write_csv_file(folder: Path) -> Path:
    write_images(folder / "images", "train")
    return tensorflow_table(folder / "train_labels.csv", "train")


def write_csv_files(folder: Path) -> Path:
    return write_splits(folder, "images", "{}_labels.csv", tensorflow_table)


def write_tensorflow_csv(folder: Path) -> Path:
    """Write the tables that TensorFlow's tutorials make of VOC files: `train_labels.csv` and `test_labels.csv`."""
    write_splits(folder, "images/{}", "data/{}_labels.csv", tensorflow_table)
    return folder / "data"


def write_retinanet(folder: Path) -> Path:
    """Write tables without header, and the one of the classes."""
    for split in ("train", "val"):
        write_images(folder / "images", split)
        write_table(folder / f"{split}.csv", split, lambda name, box: f"images/{retinanet_row(name, box)}")
    write_text(folder / "classes.csv", "".join(f"{name},{number}\n" for number, name in enumerate(CLASSES)))
    return folder


def write_roboflow_csv(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}/_annotations.csv", tensorflow_table, "valid")


def write_makesense_csv(folder: Path) -> Path:
    """Write a table beside the images, as makesense.ai does, whose rows have no header."""
    write_images(folder, "train")
    write_table(folder / "labels_my-project_2024-05-01.csv", "train", makesense_row)
    return folder


def write_vott_csv(folder: Path) -> Path:
    write_images(folder, "train")
    write_table(folder / "project-export.csv", "train", vott_row, '"image","xmin","ymin","xmax","ymax","label"')
    return folder


def spoil_table(path: Path) -> str:
    """Take a number out of the row of the only box of "c.png"."""
    text = path.read_text()
    line = next(line for line in text.splitlines() if "c.png" in line)
    write_text(path, text.replace(line, line.replace("10", "wide", 1)))
    return f":{text.splitlines().index(line) + 1}"


spoil_open_images = replacing("c,xclick,/m/0k4j,1,0.25", "c,xclick,/m/0k4j,1,wide", ":6")


OPEN_IMAGES_HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
OPEN_IMAGES_CODES = ("/m/01bjv", "/m/0k4j")


def open_images_table(path: Path, split: str) -> Path:
    def row(name: str, box: Box | None) -> str:
        stem, code = Path(name).stem, OPEN_IMAGES_CODES[box.label] if box else ""
        if box is None:
            return f"{stem},xclick,,1,,,,,,,,,"
        fractions = (box.x1 / WIDTH, box.x2 / WIDTH, box.y1 / HEIGHT, box.y2 / HEIGHT)
        return f"{stem},xclick,{code},1,{','.join(map(str, fractions))},0,0,{int(box.ignore)},0,0"

    rows = [row(name, box) for name, box in boxes_of(split)]
    return write_text(path, "\n".join([OPEN_IMAGES_HEADER, *rows, ""]))


def write_open_images_codes(path: Path) -> None:
    write_text(path, "".join(f"{code},{name}\n" for code, name in zip(OPEN_IMAGES_CODES, CLASSES, strict=True)))


def write_open_images_file(folder: Path) -> Path:
    write_images(folder / "train", "train")
    write_open_images_codes(folder / "class-descriptions-boxable.csv")
    return open_images_table(folder / "oidv6-train-annotations-bbox.csv", "train")


def write_open_images(folder: Path) -> Path:
    for split, name in (("train", "oidv6-train"), ("val", "validation")):
        write_images(folder / name, split)
        open_images_table(folder / f"{name}-annotations-bbox.csv", split)
    write_open_images_codes(folder / "class-descriptions-boxable.csv")
    return folder


def write_cvat_open_images(folder: Path) -> Path:
    """Write the only subset, `default`, and the other files that CVAT puts beside the boxes."""
    write_images(folder / "images" / "default", "train")
    annotations = folder / "annotations"
    open_images_table(annotations / "default-annotations-bbox.csv", "train")
    write_open_images_codes(annotations / "class-descriptions.csv")
    rotations = "".join(f"{Path(name).stem},default,,,,,,,,,,\n" for name in TRUTH["train"])
    write_text(annotations / "default-image_ids_and_rotation.csv", f"ImageID,Subset,OriginalURL\n{rotations}")
    write_text(annotations / "bbox_labels_600_hierarchy.json", json.dumps({"LabelName": "/m/0bl9f", "Subcategory": []}))
    return annotations


def write_fiftyone_open_images(folder: Path) -> Path:
    for split, name in (("train", "train"), ("val", "validation")):
        write_images(folder / name / "data", split)
        open_images_table(folder / name / "labels" / "detections.csv", split)
        write_open_images_codes(folder / name / "metadata" / "classes.csv")
    return folder


# JSON of other tools


def createml_json(path: Path, split: str, image: str = "image", annotations: str = "annotations") -> Path:
    """Write the annotations of a split; `image` and `annotations` are the names of members."""

    def annotation(box: Box) -> dict:
        width, height = box.x2 - box.x1, box.y2 - box.y1
        center = {"x": box.x1 + width / 2, "y": box.y1 + height / 2}
        return {"label": CLASSES[box.label], "coordinates": {**center, "width": width, "height": height}}

    images = [
        {image: name, annotations: [annotation(box) for box in boxes if not box.ignore]}
        for name, boxes in TRUTH[split].items()
    ]
    return write_text(path, json.dumps(images))


def write_createml_file(folder: Path) -> Path:
    write_images(folder, "train")
    return createml_json(folder / "annotations.json", "train")


def write_createml(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}/annotations.json", createml_json)


def write_roboflow_createml(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}/_annotations.createml.json", createml_json, "valid")


def write_labelimg_createml(folder: Path) -> Path:
    """Write the file beside the images, with `verified` in each entry, as labelImg does."""
    write_images(folder, "train")
    path = createml_json(folder / "annotations.json", "train")
    write_text(path, json.dumps([{**entry, "verified": False} for entry in json.loads(path.read_text())]))
    return folder


def write_rectlabel_createml(folder: Path) -> Path:
    write_images(folder / "images", "train")
    createml_json(folder / "annotations.json", "train", "imagefilename", "annotation")
    return folder


spoil_createml = replacing('"x": 20.0', '"x": "middle"', ": image entry 2, annotation 0")


def bdd100k_json(path: Path, split: str, video: str = "") -> Path:
    """Write the labels of a split; what is not a box stands after the boxes."""

    def label(box: Box) -> dict:
        corners = {"x1": box.x1, "y1": box.y1, "x2": box.x2 - 1, "y2": box.y2 - 1}
        return {"category": CLASSES[box.label], "attributes": {"crowd": box.ignore}, "box2d": corners}

    area = {"category": "drivable area", "poly2d": [{"vertices": [[0, 0], [9, 9], [0, 9]], "types": "LLL"}]}
    frames = [
        {
            "name": name,
            "timestamp": 10000,
            "labels": [*map(label, boxes), area] if boxes else None,
            **({"videoName": video} if video else {}),
        }
        for name, boxes in TRUTH[split].items()
    ]
    content = {"frames": frames, "config": {"categories": [{"name": name} for name in CLASSES]}} if video else frames
    return write_text(path, json.dumps(content))


def write_bdd100k_file(folder: Path) -> Path:
    write_images(folder / "images" / "100k" / "train", "train")
    return bdd100k_json(folder / "labels" / "bdd100k_labels_images_train.json", "train")


def write_bdd100k(folder: Path) -> Path:
    write_splits(folder, "images/100k/{}", "labels/det_20/det_{}.json", bdd100k_json)
    return folder / "labels" / "det_20"


def write_bdd100k_images(folder: Path) -> Path:
    """Write the earlier labels: a file per image, which is named without its suffix."""
    for split in ("train", "val"):
        write_images(folder / "images" / "100k" / split, split)
        for name, boxes in TRUTH[split].items():
            objects = [
                {
                    "category": CLASSES[box.label],
                    "id": number,
                    "attributes": {"crowd": box.ignore},
                    "box2d": {"x1": box.x1, "y1": box.y1, "x2": box.x2 - 1, "y2": box.y2 - 1},
                }
                for number, box in enumerate(boxes)
            ]
            content = {
                "name": Path(name).stem,
                "frames": [{"timestamp": 10000, "objects": objects}],
                "attributes": {"weather": "clear"},
            }
            write_text(folder / "labels" / "100k" / split / f"{Path(name).stem}.json", json.dumps(content))
    return folder / "labels" / "100k"


spoil_bdd100k_image = replacing('"x1": 10', '"x1": "left"', ", annotation 0")


def write_scalabel(folder: Path) -> Path:
    """Write the frames of a video, in a folder of its name."""
    write_images(folder / "images" / "drive", "train")
    bdd100k_json(folder / "export.json", "train", "drive")
    return folder


spoil_bdd100k = replacing('"x1": 10', '"x1": "left"', ": image entry 2, annotation 0")


def labelme_json(path: Path, name: str, boxes: tuple[Box, ...], corners: int = 2) -> Path:
    """Write the file of an image, with rectangles of two corners, the lower right one first, or of four."""

    def shape(box: Box) -> dict:
        points = [[box.x2, box.y2], [box.x1, box.y1]]
        if corners == 4:
            points = [[box.x1, box.y1], [box.x2, box.y1], [box.x2, box.y2], [box.x1, box.y2]]
        flags = {"difficult": box.ignore, "flags": {}, "group_id": None}
        return {"label": CLASSES[box.label], "points": points, "shape_type": "rectangle", **flags}

    sizes = {"imageHeight": HEIGHT, "imageWidth": WIDTH}
    content = {"version": "5.5.0", "flags": {}, "shapes": [*map(shape, boxes)], "imagePath": name, "imageData": None}
    return write_text(path, json.dumps({**content, **sizes}))


def write_labelme(folder: Path) -> Path:
    for split in ("train", "val"):
        write_images(folder / split, split)
        for name, boxes in TRUTH[split].items():
            labelme_json((folder / split / name).with_suffix(".json"), name, boxes)
    return folder


def write_labelme_beside_images(folder: Path) -> Path:
    """Write each file beside its image, as LabelMe does."""
    write_images(folder, "train")
    for name, boxes in TRUTH["train"].items():
        labelme_json((folder / name).with_suffix(".json"), name, boxes)
    return folder


def write_x_anylabeling(folder: Path) -> Path:
    """Write the files in a folder of their own, with paths of Windows."""
    write_images(folder / "images", "train")
    for name, boxes in TRUTH["train"].items():
        path = (folder / "labels" / name).with_suffix(".json")
        labelme_json(path, f"..\\images\\{name}", boxes, corners=4)
    return folder / "labels"


spoil_labelme = replacing("[30, 15]", '["right", 15]', ", annotation 0")


ROBOFLOW_TRAIN = spoiling("train/_annotations.coco.json", spoil_coco, ": ")

# By the names of `DatasetFile` and `DatasetFolder`.
SETS = {
    "a COCO JSON": SmallSet(write_coco_file, spoiling("train.json", spoil_coco, ": "), splits=("train",)),
    "a Roboflow COCO export": SmallSet(write_roboflow, ROBOFLOW_TRAIN),
    "one split of a Roboflow export": SmallSet(write_roboflow_split, ROBOFLOW_TRAIN, splits=("train",)),
    "COCO's own layout": SmallSet(
        write_coco_layout, spoiling("annotations/instances_train2017.json", spoil_coco, ": ")
    ),
    "COCO files": SmallSet(write_coco_files, spoiling("train.json", spoil_coco, ": ")),
    "a YAML description": SmallSet(write_description, spoiling("train.json", spoil_coco, ": ")),
    "an Ultralytics data.yaml": SmallSet(
        write_yolo, spoiling("labels/train/c.txt", spoil_labels), states_ignored=False, lists_images=False
    ),
    "YOLO label files": SmallSet(
        write_yolo_folder, spoiling("labels/train/c.txt", spoil_labels), states_ignored=False, lists_images=False
    ),
    "a darknet obj.data": SmallSet(write_darknet, spoiling("data/img/c.txt", spoil_labels), states_ignored=False),
    "Pascal VOC beside its images": SmallSet(write_labelimg_voc, spoiling("c.xml", spoil_voc), splits=("train",)),
    "a Roboflow Pascal VOC export": SmallSet(write_roboflow_voc, spoiling("train/c.xml", spoil_voc)),
    "Pascal VOC": SmallSet(write_voc, spoiling("Annotations/c.xml", spoil_voc)),
    "a CVAT XML": SmallSet(
        write_cvat_file,
        spoiling("annotations.xml", spoil_cvat, ": "),
        splits=("train",),
        states_ignored=False,
    ),
    "CVAT's XML files": SmallSet(
        write_cvat_project, spoiling("annotations.xml", spoil_cvat, ": "), states_ignored=False
    ),
    "a Label Studio JSON": SmallSet(
        write_studio_file,
        spoiling("project-1.json", spoil_studio, ": "),
        splits=("train",),
        states_ignored=False,
    ),
    "Label Studio's JSON files": SmallSet(
        write_studio_files, spoiling("train.json", spoil_studio, ": "), states_ignored=False
    ),
    "a Supervisely project": SmallSet(
        write_supervisely,
        spoiling("train/ann/c.png.json", spoil_supervisely),
        states_ignored=False,
    ),
    "a TFRecord file": SmallSet(
        write_tfrecord_file, spoiling("train.tfrecord", spoil_records, ": "), splits=("train",), images_are_files=False
    ),
    "TFRecord files": SmallSet(
        write_tfrecords,
        spoiling("cars_train.record-00000-of-00001", spoil_records, ": "),
        images_are_files=False,
    ),
    "a dataset of TensorFlow Datasets": SmallSet(
        write_prepared,
        spoiling("cars-train.tfrecord-00000-of-00001", spoil_prepared, ": "),
        images_are_files=False,
    ),
}

SETS |= {
    "a CSV of boxes": SmallSet(
        write_csv_file, spoiling("train_labels.csv", spoil_table), splits=("train",), states_ignored=False
    ),
    "CSV files of boxes": SmallSet(write_csv_files, spoiling("train_labels.csv", spoil_table), states_ignored=False),
    "an OpenImages CSV": SmallSet(
        write_open_images_file,
        spoiling("oidv6-train-annotations-bbox.csv", spoil_open_images),
        splits=("train",),
        lists_images=False,
    ),
    "OpenImages": SmallSet(
        write_open_images, spoiling("oidv6-train-annotations-bbox.csv", spoil_open_images), lists_images=False
    ),
    "a CreateML JSON": SmallSet(
        write_createml_file, spoiling("annotations.json", spoil_createml), splits=("train",), states_ignored=False
    ),
    "CreateML files": SmallSet(
        write_createml, spoiling("train/annotations.json", spoil_createml), states_ignored=False
    ),
    "a BDD100K JSON": SmallSet(
        write_bdd100k_file, spoiling("labels/bdd100k_labels_images_train.json", spoil_bdd100k), splits=("train",)
    ),
    "BDD100K files": SmallSet(write_bdd100k, spoiling("labels/det_20/det_train.json", spoil_bdd100k)),
    "BDD100K files of single images": SmallSet(
        write_bdd100k_images, spoiling("labels/100k/train/c.json", spoil_bdd100k_image)
    ),
    "a Vertex AI file": SmallSet(
        write_vertex_file, spoiling("data-00001-of-00001.jsonl", spoil_vertex), states_ignored=False
    ),
    "Vertex AI files": SmallSet(write_vertex_files, spoiling("training.jsonl", spoil_vertex), states_ignored=False),
    "an Ultralytics NDJSON": SmallSet(
        write_ultralytics_file, spoiling("cars.ndjson", spoil_ultralytics), states_ignored=False
    ),
    "Ultralytics NDJSON files": SmallSet(
        write_ultralytics_folder, spoiling("cars.ndjson", spoil_ultralytics), states_ignored=False
    ),
    "a Labelbox export": SmallSet(
        write_labelbox_file,
        spoiling("Export project - Cars.ndjson", spoil_labelbox),
        splits=("train",),
        states_ignored=False,
    ),
    "Labelbox exports": SmallSet(write_labelbox_files, spoiling("train.ndjson", spoil_labelbox), states_ignored=False),
    "a Ground Truth manifest": SmallSet(
        write_manifest, spoiling("output.manifest", spoil_manifest), splits=("train",), states_ignored=False
    ),
    "Ground Truth manifests": SmallSet(
        write_manifests, spoiling("train/output.manifest", spoil_manifest), states_ignored=False
    ),
    "V7 Darwin files": SmallSet(
        write_darwin,
        spoiling("annotations/c.json", spoil_darwin),
        splits=("train",),
        states_ignored=False,
    ),
    "a Datumaro JSON": SmallSet(
        write_datumaro_file, spoiling("annotations/default.json", spoil_datumaro), splits=("train",)
    ),
    "Datumaro files": SmallSet(write_datumaro, spoiling("annotations/train.json", spoil_datumaro)),
    "a metadata.jsonl of Hugging Face": SmallSet(
        write_metadata_file, spoiling("metadata.jsonl", spoil_metadata), splits=("train",), states_ignored=False
    ),
    "Hugging Face's ImageFolder": SmallSet(
        write_metadata_files, spoiling("train/metadata.jsonl", spoil_metadata), states_ignored=False
    ),
    "a VoTT JSON": SmallSet(
        write_vott_json, spoiling("cars-export.json", spoil_vott), splits=("train",), states_ignored=False
    ),
    "VoTT files": SmallSet(write_vott_jsons, spoiling("train/cars-export.json", spoil_vott), states_ignored=False),
    "KITTI": SmallSet(write_kitti, spoiling("training/label_2/c.txt", spoil_kitti), states_ignored=False),
    "VisDrone": SmallSet(write_visdrone, spoiling("VisDrone2019-DET-train/annotations/c.txt", spoil_visdrone)),
    "WIDER FACE": SmallSet(
        write_wider_face,
        spoiling("wider_face_split/wider_face_train_bbx_gt.txt", spoil_wider_face),
        only_class="face",
    ),
    "a VIA file": SmallSet(
        write_via_file, spoiling("via_export_json.json", spoil_via), splits=("train",), states_ignored=False
    ),
    "VIA files": SmallSet(write_via_files, spoiling("train/via_region_data.json", spoil_via), states_ignored=False),
    "a Hasty JSON": SmallSet(write_hasty_file, spoiling("cars.json", spoil_hasty), states_ignored=False),
    "Hasty files": SmallSet(write_hasty_folder, spoiling("cars.json", spoil_hasty), states_ignored=False),
    "Cityscapes": SmallSet(
        write_cityscapes,
        spoiling("gtFine/train/aachen/c_gtFine_polygons.json", replacing("[30, 5]", '["right", 5]', ", annotation 0")),
    ),
    "MOT Challenge": SmallSet(write_mot, spoiling("train/drive/gt/gt.txt", spoil_mot), lists_images=False),
    "LabelMe files": SmallSet(write_labelme, spoiling("train/c.json", spoil_labelme)),
}

ONLY_TRAINING = ("train",)

# By tool and format.
EXPORTS = {
    "CVAT, COCO": SmallSet(
        write_cvat_coco, spoiling("annotations/instances_default.json", spoil_coco, ": "), ONLY_TRAINING
    ),
    "FiftyOne, COCO": SmallSet(write_fiftyone_coco, spoiling("labels.json", spoil_coco, ": "), ONLY_TRAINING),
    "FiftyOne, COCO in a folder per split": SmallSet(
        write_fiftyone_splits, spoiling("train/labels.json", spoil_coco, ": ")
    ),
    "Label Studio, COCO": SmallSet(write_label_studio_coco, spoiling("result.json", spoil_coco, ": "), ONLY_TRAINING),
    "CVAT, Pascal VOC": SmallSet(write_cvat_voc, spoiling("Annotations/cam 1/c.xml", spoil_voc), ONLY_TRAINING),
    "Label Studio, Pascal VOC": SmallSet(
        write_label_studio_voc, spoiling("Annotations/c.xml", spoil_voc), ONLY_TRAINING
    ),
    "PaddleDetection, Pascal VOC": SmallSet(write_paddle_voc, spoiling("annotations/c.xml", spoil_voc)),
    "VoTT, Pascal VOC": SmallSet(write_vott_voc, spoiling("Annotations/c.xml", spoil_voc)),
    "roLabelImg": SmallSet(write_rolabelimg, spoiling("c.xml", spoil_rotated), ONLY_TRAINING),
    "CVAT, YOLO 1.1": SmallSet(
        write_cvat_darknet, spoiling("obj_train_data/c.txt", spoil_labels), ONLY_TRAINING, states_ignored=False
    ),
    "CVAT, Ultralytics YOLO": SmallSet(
        write_cvat_yolo, spoiling("labels/train/c.txt", spoil_labels), states_ignored=False
    ),
    "Label Studio, YOLO": SmallSet(
        write_label_studio_yolo,
        spoiling("labels/c.txt", spoil_labels),
        ONLY_TRAINING,
        states_ignored=False,
        lists_images=False,
    ),
    "Roboflow, YOLO": SmallSet(
        write_roboflow_yolo, spoiling("train/labels/c.txt", spoil_labels), states_ignored=False, lists_images=False
    ),
    "Label Studio, JSON_MIN": SmallSet(
        write_studio_short,
        spoiling("project-1-min.json", spoil_studio, ": "),
        ONLY_TRAINING,
        states_ignored=False,
    ),
    "Roboflow, TFRecord": SmallSet(
        write_roboflow_tfrecords, spoiling("train/cars.tfrecord", spoil_records, ": "), images_are_files=False
    ),
    "labelImg, YOLO": SmallSet(
        write_labelimg_yolo, spoiling("c.txt", spoil_labels), ONLY_TRAINING, states_ignored=False, lists_images=False
    ),
    "Roboflow, CSV": SmallSet(
        write_roboflow_csv, spoiling("train/_annotations.csv", spoil_table), states_ignored=False
    ),
    "keras-retinanet": SmallSet(write_retinanet, spoiling("train.csv", spoil_table), states_ignored=False),
    "makesense.ai, CSV": SmallSet(
        write_makesense_csv,
        spoiling("labels_my-project_2024-05-01.csv", spoil_table),
        ONLY_TRAINING,
        states_ignored=False,
    ),
    "VoTT, CSV": SmallSet(
        write_vott_csv, spoiling("project-export.csv", spoil_table), ONLY_TRAINING, states_ignored=False
    ),
    "FiftyOne, OpenImages": SmallSet(
        write_fiftyone_open_images, spoiling("train/labels/detections.csv", spoil_open_images), lists_images=False
    ),
    "Roboflow, CreateML": SmallSet(
        write_roboflow_createml,
        spoiling("train/_annotations.createml.json", spoil_createml),
        states_ignored=False,
    ),
    "RectLabel, CreateML": SmallSet(
        write_rectlabel_createml, spoiling("annotations.json", spoil_createml), ONLY_TRAINING, states_ignored=False
    ),
    "labelImg, CreateML": SmallSet(
        write_labelimg_createml, spoiling("annotations.json", spoil_createml), ONLY_TRAINING, states_ignored=False
    ),
    "labelImg, Pascal VOC": SmallSet(write_labelimg_voc, spoiling("c.xml", spoil_voc), ONLY_TRAINING),
    "TensorFlow, CSV": SmallSet(
        write_tensorflow_csv, spoiling("data/train_labels.csv", spoil_table), states_ignored=False
    ),
    "CVAT, OpenImages": SmallSet(
        write_cvat_open_images,
        spoiling("annotations/default-annotations-bbox.csv", spoil_open_images),
        ONLY_TRAINING,
        lists_images=False,
    ),
    "LabelMe": SmallSet(write_labelme_beside_images, spoiling("c.json", spoil_labelme), ONLY_TRAINING),
    "Ultralytics HUB": SmallSet(
        write_hub_yolo, spoiling("cars/labels/train/c.txt", spoil_labels), states_ignored=False, lists_images=False
    ),
    "Scalabel": SmallSet(write_scalabel, spoiling("export.json", spoil_bdd100k), ONLY_TRAINING),
    "X-AnyLabeling": SmallSet(write_x_anylabeling, spoiling("labels/c.json", spoil_labelme), ONLY_TRAINING),
    "Google AutoML, CSV": SmallSet(write_automl, spoiling("all_data.csv", spoil_automl), states_ignored=False),
    "Labelbox, a list": SmallSet(
        write_labelbox_list, spoiling("export.json", spoil_labelbox), ONLY_TRAINING, states_ignored=False
    ),
    "NVIDIA TAO, KITTI": SmallSet(
        write_tao, spoiling("labels/c.txt", spoil_kitti), ONLY_TRAINING, states_ignored=False
    ),
    "V7 Darwin, 1.0": SmallSet(
        write_darwin_first, spoiling("c.json", spoil_darwin_first), ONLY_TRAINING, states_ignored=False
    ),
    "CityPersons": SmallSet(
        write_city_persons,
        spoiling(
            "gtBbox_cityPersons_trainval/gtBboxCityPersons/train/aachen/c_gtBboxCityPersons.json",
            replacing('"bbox": [10', '"bbox": ["left"', ", annotation 0"),
        ),
        ONLY_TRAINING,
        states_ignored=False,
    ),
    "VIA 1, JSON": SmallSet(
        write_via_first, spoiling("via_region_data.json", spoil_via), ONLY_TRAINING, states_ignored=False
    ),
    "VIA 2, project": SmallSet(
        write_via_project, spoiling("via_project.json", spoil_via), ONLY_TRAINING, states_ignored=False
    ),
    "VIA 2, CSV": SmallSet(
        write_via_csv, spoiling("via_export_csv.csv", spoil_via_csv), ONLY_TRAINING, states_ignored=False
    ),
    "VIA 3, project": SmallSet(
        write_via_third, spoiling("cars.json", spoil_via_third), ONLY_TRAINING, states_ignored=False
    ),
}
