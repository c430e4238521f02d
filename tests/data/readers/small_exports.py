"""Exports of annotation services and labelling programs, and some public datasets, for `small_sets`."""

import json
from collections.abc import Iterable
from pathlib import Path

from small_truth import (
    CLASSES,
    HEIGHT,
    TRUTH,
    WIDTH,
    Box,
    boxes_of,
    encoded_image,
    replace,
    replacing,
    write_images,
    write_splits,
    write_text,
)

# VGG Image Annotator


def via_region(box: Box) -> dict:
    """Return a region of VIA 2."""
    shape = {"name": "rect", "x": box.x1, "y": box.y1, "width": box.x2 - box.x1, "height": box.y2 - box.y1}
    return {"shape_attributes": shape, "region_attributes": {"kind": CLASSES[box.label]}}


def via_images(split: str) -> dict[str, dict]:
    """Return the images of a split by their names and sizes in bytes, without regions to ignore."""
    images = {}
    for name, boxes in TRUTH[split].items():
        size = len(encoded_image(name))
        regions = [via_region(box) for box in boxes if not box.ignore]
        images[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
    return images


def write_via_file(folder: Path) -> Path:
    write_images(folder / "images", "train")
    return write_text(folder / "via_export_json.json", json.dumps(via_images("train")))


def write_via_files(folder: Path) -> Path:
    """Write a file per split in the folder of its images, as many projects have it."""
    return write_splits(
        folder, "{}", "{}/via_region_data.json", lambda path, split: write_text(path, json.dumps(via_images(split)))
    )


def write_via_first(folder: Path) -> Path:
    """Write the regions of an image by their numbers, as VIA 1 does."""
    write_images(folder, "train")
    images = via_images("train")
    for image in images.values():
        regions = {str(number): region for number, region in enumerate(image["regions"])}
        image.update(regions=regions, fileref="", base64_img_data="")
    write_text(folder / "via_region_data.json", json.dumps(images))
    return folder


def write_via_project(folder: Path) -> Path:
    """Write a project of VIA 2, whose classes are the options of an attribute."""
    write_images(folder, "train")
    images = via_images("train")
    options = dict.fromkeys(CLASSES, "")
    kind = {"type": "dropdown", "description": "", "options": options, "default_options": {}}
    core = {"buffer_size": 18, "filepath": {}, "default_filepath": ""}
    content = {
        "_via_settings": {"ui": {}, "core": core, "project": {"name": "cars"}},
        "_via_img_metadata": images,
        "_via_attributes": {"region": {"kind": kind}, "file": {}},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": [*images],
    }
    write_text(folder / "via_project.json", json.dumps(content))
    return folder


def write_via_csv(folder: Path) -> Path:
    """Write the row that VIA adds for an image without regions, too."""
    write_images(folder, "train")

    def quoted(value: dict) -> str:
        text = json.dumps(value, separators=(",", ":")).replace('"', '""')
        return f'"{text}"'

    rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for image in via_images("train").values():
        about, regions = f'{image["filename"]},{image["size"]},"{{}}"', image["regions"]
        for number, region in enumerate(regions):
            stated = ",".join(map(quoted, region.values()))
            rows.append(f"{about},{len(regions)},{number},{stated}")
        rows += [] if regions else [f'{about},0,0,"{{}}","{{}}"']
    write_text(folder / "via_export_csv.csv", "\n".join(rows))
    return folder


def write_via_third(folder: Path) -> Path:
    """Write a project of VIA 3, in which images, regions and classes have ids."""
    write_images(folder, "train")
    names = {str(number): name for number, name in enumerate(TRUTH["train"], 1)}
    regions = [(view, box) for view, name in names.items() for box in TRUTH["train"][name] if not box.ignore]
    attribute = {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": "", "default_option_id": ""}
    content = {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1", "vid_list": [*names]},
        "config": {"file": {"loc_prefix": {"1": ""}}, "ui": {}},
        "attribute": {"1": {**attribute, "options": {str(label): name for label, name in enumerate(CLASSES)}}},
        "file": {view: {"fid": view, "fname": name, "type": 2, "loc": 1, "src": ""} for view, name in names.items()},
        "metadata": {
            f"{view}_{number}": {
                "vid": view,
                "flg": 0,
                "z": [],
                "xy": [2, box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1],
                "av": {"1": str(box.label)},
            }
            for number, (view, box) in enumerate(regions)
        },
        "view": {view: {"fid_list": [view]} for view in names},
    }
    write_text(folder / "cars.json", json.dumps(content))
    return folder


spoil_via = replacing('"x": 10, "y": 5', '"x": "left", "y": 5', ": image entry 2, annotation 0")

spoil_via_csv = replacing('""x"":10,""y"":5', '""x"":""left"",""y"":5', ":5")

spoil_via_third = replacing("[2, 10, 5, 20, 10]", '[2, "left", 5, 20, 10]', ": image entry 2, annotation 0")


# Files of a line per image


def write_lines(path: Path, values: Iterable[dict]) -> Path:
    return write_text(path, "".join(f"{json.dumps(value)}\n" for value in values))


VERTEX_USES = {"train": "training", "val": "validation"}


def vertex_lines(split: str) -> list[dict]:
    """Return the images of a split as Vertex AI exports them, with fractions and without regions to ignore."""

    def annotation(box: Box) -> dict:
        corners = {"xMin": box.x1 / WIDTH, "yMin": box.y1 / HEIGHT, "xMax": box.x2 / WIDTH, "yMax": box.y2 / HEIGHT}
        labels = {"aiplatform.googleapis.com/annotation_set_name": "1234"}
        return {"displayName": CLASSES[box.label], **corners, "annotationResourceLabels": labels}

    return [
        {
            "imageGcsUri": f"gs://bucket/photos/{name}",
            "boundingBoxAnnotations": [annotation(box) for box in boxes if not box.ignore],
            "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": VERTEX_USES[split]},
        }
        for name, boxes in TRUTH[split].items()
    ]


def write_vertex_file(folder: Path) -> Path:
    """Write one file with both splits."""
    for split in ("train", "val"):
        write_images(folder / "photos", split)
    return write_lines(folder / "data-00001-of-00001.jsonl", [*vertex_lines("train"), *vertex_lines("val")])


def write_vertex_files(folder: Path) -> Path:
    for split in ("train", "val"):
        write_images(folder / "photos", split)
        write_lines(folder / f"{VERTEX_USES[split]}.jsonl", vertex_lines(split))
    return folder


def write_automl(folder: Path) -> Path:
    """Write rows with two corners and, for the first class, with four."""

    def row(split: str, name: str, box: Box | None) -> str:
        beginning = f"{'TRAIN' if split == 'train' else 'VALIDATION'},gs://bucket/{name}"
        if box is None:
            return f"{beginning},,,,,,,,,"
        x1, y1, x2, y2 = box.x1 / WIDTH, box.y1 / HEIGHT, box.x2 / WIDTH, box.y2 / HEIGHT
        corners = f"{x1},{y1},,,{x2},{y2},," if box.label else f"{x1},{y1},{x2},{y1},{x2},{y2},{x1},{y2}"
        return f"{beginning},{CLASSES[box.label]},{corners}"

    rows = []
    for split in ("train", "val"):
        write_images(folder, split)
        rows += [row(split, name, box) for name, box in boxes_of(split) if box is None or not box.ignore]
    write_text(folder / "all_data.csv", "".join(f"{text}\n" for text in rows))
    return folder


def write_ultralytics_file(folder: Path) -> Path:
    """Write one file with both splits, whose images lie in folders of these names, as Ultralytics downloads them."""

    def image(split: str, name: str, boxes: tuple[Box, ...]) -> dict:
        numbers = [
            [
                box.label,
                (box.x1 + box.x2) / 2 / WIDTH,
                (box.y1 + box.y2) / 2 / HEIGHT,
                (box.x2 - box.x1) / WIDTH,
                (box.y2 - box.y1) / HEIGHT,
            ]
            for box in boxes
            if not box.ignore
        ]
        about = {"type": "image", "file": name, "url": f"https://host.example/{name}?signature=x", "split": split}
        stated = {"annotations": {"boxes": numbers}} if numbers else {}
        return {**about, "width": WIDTH, "height": HEIGHT, **stated}

    names = {str(label): name for label, name in enumerate(CLASSES)}
    lines = [{"type": "dataset", "task": "detect", "name": "cars", "class_names": names, "version": 1}]
    for split in ("train", "val"):
        write_images(folder / "images" / split, split)
        lines += [image(split, name, boxes) for name, boxes in TRUTH[split].items()]
    return write_lines(folder / "cars.ndjson", lines)


def write_ultralytics_folder(folder: Path) -> Path:
    write_ultralytics_file(folder)
    return folder


def labelbox_rows(split: str) -> list[dict]:
    """Return the images of a split as Labelbox exports them, without regions to ignore."""

    def stated(box: Box) -> dict:
        sides = {"top": box.y1, "left": box.x1, "height": box.y2 - box.y1, "width": box.x2 - box.x1}
        kind = {"annotation_kind": "ImageBoundingBox", "classifications": []}
        return {
            "feature_id": "x",
            "name": CLASSES[box.label],
            "value": CLASSES[box.label],
            **kind,
            "bounding_box": sides,
        }

    rows = []
    for name, boxes in TRUTH[split].items():
        objects = [stated(box) for box in boxes if not box.ignore]
        annotations = {"objects": objects, "classifications": [], "relationships": []}
        label = {"label_kind": "Default", "version": "1.0.0", "id": name, "annotations": annotations}
        rows.append(
            {
                "data_row": {"id": name, "external_id": name, "row_data": f"https://host.example/{name}?Expires=1"},
                "media_attributes": {"height": HEIGHT, "width": WIDTH, "mime_type": "image/png"},
                "projects": {"clx1": {"name": "Cars", "labels": [label]}},
            }
        )
    return rows


def metadata_lines(split: str) -> list[dict]:
    """Return the images of a split as Hugging Face's ImageFolder has them, without regions to ignore."""
    lines = []
    for name, boxes in TRUTH[split].items():
        kept = [box for box in boxes if not box.ignore]
        stated = [[box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1] for box in kept]
        lines.append(
            {"file_name": name, "objects": {"bbox": stated, "categories": [CLASSES[box.label] for box in kept]}}
        )
    return lines


def write_metadata_file(folder: Path) -> Path:
    write_images(folder, "train")
    return write_lines(folder / "metadata.jsonl", metadata_lines("train"))


def write_metadata_files(folder: Path) -> Path:
    return write_splits(
        folder, "{}", "{}/metadata.jsonl", lambda path, split: write_lines(path, metadata_lines(split)), "validation"
    )


def vott_json(path: Path, split: str) -> Path:
    """Write what VoTT exports of a split, without regions to ignore."""

    def region(box: Box) -> dict:
        sides = {"height": box.y2 - box.y1, "width": box.x2 - box.x1, "left": box.x1, "top": box.y1}
        corners = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)]
        points = [{"x": x, "y": y} for x, y in corners]
        return {"id": "x", "type": "RECTANGLE", "tags": [CLASSES[box.label]], "boundingBox": sides, "points": points}

    assets = {
        f"id{number}": {
            "asset": {
                "format": "png",
                "id": f"id{number}",
                "name": name,
                "path": f"file:/photos/{name}",
                "size": {"width": WIDTH, "height": HEIGHT},
                "state": 2,
                "type": 1,
            },
            "regions": [region(box) for box in boxes if not box.ignore],
            "version": "2.1.0",
        }
        for number, (name, boxes) in enumerate(TRUTH[split].items())
    }
    tags = [{"name": name, "color": "#5db300"} for name in CLASSES]
    return write_text(path, json.dumps({"name": "cars", "version": "2.1.0", "tags": tags, "assets": assets}))


def write_vott_json(folder: Path) -> Path:
    write_images(folder, "train")
    return vott_json(folder / "cars-export.json", "train")


def write_vott_jsons(folder: Path) -> Path:
    return write_splits(folder, "{}", "{}/cars-export.json", vott_json)


spoil_metadata = replacing("[10, 5, 20, 10]", '["left", 5, 20, 10]', ":3, annotation 0")

spoil_vott = replacing('"left": 10', '"left": "x"', ": image entry 2, annotation 0")


def write_labelbox_file(folder: Path) -> Path:
    write_images(folder, "train")
    return write_lines(folder / "Export project - Cars.ndjson", labelbox_rows("train"))


def write_labelbox_files(folder: Path) -> Path:
    return write_splits(folder, "images", "{}.ndjson", lambda path, split: write_lines(path, labelbox_rows(split)))


def write_labelbox_list(folder: Path) -> Path:
    """Write one list, as programs do with what Labelbox's client for Python returns."""
    write_images(folder, "train")
    write_text(folder / "export.json", json.dumps(labelbox_rows("train")))
    return folder


def manifest_lines(split: str) -> list[dict]:
    """Return the images of a split as Ground Truth writes them, without regions to ignore."""

    def stated(box: Box) -> dict:
        corner = {"class_id": box.label, "top": box.y1, "left": box.x1}
        return {**corner, "width": box.x2 - box.x1, "height": box.y2 - box.y1}

    lines = []
    for name, boxes in TRUTH[split].items():
        annotations = [stated(box) for box in boxes if not box.ignore]
        metadata = {
            "objects": [{"confidence": 0.09} for _ in annotations],
            "class-map": {str(box["class_id"]): CLASSES[box["class_id"]] for box in annotations},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2026-01-01T10:00:00.000000",
            "job-name": "labeling-job/cars",
        }
        size = [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
        boxes_of_job = {"image_size": size, "annotations": annotations}
        lines.append({"source-ref": f"s3://bucket/{name}", "cars": boxes_of_job, "cars-metadata": metadata})
    return lines


def write_manifest(folder: Path) -> Path:
    write_images(folder, "train")
    return write_lines(folder / "output.manifest", manifest_lines("train"))


def write_manifests(folder: Path) -> Path:
    return write_splits(
        folder, "{}", "{}/output.manifest", lambda path, split: write_lines(path, manifest_lines(split))
    )


def write_darwin(folder: Path) -> Path:
    write_images(folder / "images", "train")
    for name, boxes in TRUTH["train"].items():
        annotations = [
            {
                "bounding_box": {"h": box.y2 - box.y1, "w": box.x2 - box.x1, "x": box.x1, "y": box.y1},
                "id": f"{number}",
                "name": CLASSES[box.label],
                "slot_names": ["0"],
            }
            for number, box in enumerate(boxes)
            if not box.ignore
        ]
        files = [{"file_name": name, "url": "https://host.example/x"}]
        slots = [{"type": "image", "slot_name": "0", "width": WIDTH, "height": HEIGHT, "source_files": files}]
        content = {
            "version": "2.0",
            "schema_ref": "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json",
            "item": {"name": name, "path": "/", "source_info": {"item_id": "x"}, "slots": slots},
            "annotations": annotations,
        }
        write_text((folder / "annotations" / name).with_suffix(".json"), json.dumps(content))
    return folder / "annotations"


def write_darwin_first(folder: Path) -> Path:
    """Write version 1.0, which V7 exported before 2023, with boxes of polygons."""

    def stated(box: Box) -> dict:
        corners = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2)]
        polygon = {"path": [{"x": x, "y": y} for x, y in corners]}
        sides = {"h": box.y2 - box.y1, "w": box.x2 - box.x1, "x": box.x1, "y": box.y1}
        return {"bounding_box": sides, "name": CLASSES[box.label], "polygon": polygon}

    write_images(folder, "train")
    for name, boxes in TRUTH["train"].items():
        image = {"width": WIDTH, "height": HEIGHT, "original_filename": name, "filename": f"x-{name}", "path": "/"}
        annotations = [stated(box) for box in boxes if not box.ignore]
        content = {"dataset": "cars", "image": image, "annotations": annotations}
        write_text((folder / name).with_suffix(".json"), json.dumps(content))
    return folder


spoil_darwin_first = replacing('"w": 20, "x": 10', '"w": 20, "x": "left"', ", annotation 0")


def hasty_images(split: str, status: str = "DONE") -> list[dict]:
    """Return the images of a split as Hasty exports them, without regions to ignore."""

    def label(box: Box) -> dict:
        corners = {"bbox": [box.x1, box.y1, box.x2, box.y2], "polygon": None, "mask": None}
        return {"class_name": CLASSES[box.label], **corners, "z_index": 1, "attributes": {}}

    about = {"dataset_name": f"{split} set", "width": WIDTH, "height": HEIGHT, "image_status": status, "tags": []}
    return [
        {"image_name": name, **about, "labels": [label(box) for box in boxes if not box.ignore]}
        for name, boxes in TRUTH[split].items()
    ]


def hasty_json(path: Path, images: list[dict]) -> Path:
    classes = [{"class_name": name, "color": "#1f78b44d", "class_type": "object"} for name in CLASSES]
    about = {"project_name": "cars", "export_format_version": "1.1", "attributes": []}
    return write_text(path, json.dumps({**about, "label_classes": classes, "images": images}))


def write_hasty_file(folder: Path) -> Path:
    """Write one file with both splits, and the images in the folders of their datasets."""
    for split in ("train", "val"):
        write_images(folder / f"{split} set", split)
    return hasty_json(folder / "cars.json", [*hasty_images("train"), *hasty_images("val")])


def write_hasty_folder(folder: Path) -> Path:
    write_hasty_file(folder)
    return folder


spoil_hasty = replacing("[10, 5, 30, 15]", '["left", 5, 30, 15]', ": image entry 2, annotation 0")


def write_cityscapes(folder: Path) -> Path:
    """Write polygons of instances, of a group and of the sky, in folders of cities."""

    def region(label: str, *points: tuple[int, int]) -> dict:
        return {"label": label, "polygon": [[*point] for point in points]}

    def stated(box: Box) -> dict:
        label = CLASSES[box.label] + ("group" if box.ignore else "")
        return region(label, (box.x1, box.y1), (box.x2, box.y1), (box.x1, box.y2))

    sky = region("sky", (0, 0), (WIDTH, 0), (0, 9))
    for split in ("train", "val"):
        write_images(folder / "leftImg8bit" / split / "aachen", split)
        for name, boxes in TRUTH[split].items():
            content = {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": [*map(stated, boxes), sky]}
            path = folder / "gtFine" / split / "aachen" / f"{Path(name).stem}_gtFine_polygons.json"
            write_text(path, json.dumps(content))
    return folder / "gtFine"


def write_city_persons(folder: Path) -> Path:
    """Write boxes of whole bodies, in an archive of their own."""

    def stated(box: Box) -> dict:
        sides = [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1]
        return {"instanceId": 24000, "bbox": sides, "bboxVis": sides, "label": CLASSES[box.label]}

    write_images(folder / "leftImg8bit_trainvaltest" / "leftImg8bit" / "train" / "aachen", "train")
    annotations = folder / "gtBbox_cityPersons_trainval" / "gtBboxCityPersons"
    for name, boxes in TRUTH["train"].items():
        objects = [stated(box) for box in boxes if not box.ignore]
        path = annotations / "train" / "aachen" / f"{Path(name).stem}_gtBboxCityPersons.json"
        write_text(path, json.dumps({"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}))
    return annotations


def mot_lines(split: str, first_pixel: int) -> list[str]:
    """Return the boxes of a sequence whose classes are called `CLASSES`, with numbers from 1 on."""
    return [
        f"{frame},{track},{box.x1 + first_pixel},{box.y1 + first_pixel},{box.x2 - box.x1},{box.y2 - box.y1},"
        f"{int(not box.ignore)},{box.label + 1},1.0"
        for frame, boxes in enumerate(TRUTH[split].values(), 1)
        for track, box in enumerate(boxes, 1)
    ]


def write_mot(folder: Path) -> Path:
    """Write a sequence per split, with names of classes, as CVAT does."""
    for split in ("train", "val"):
        write_images(folder / split / "drive" / "img1", split)
        write_text(folder / split / "drive" / "gt" / "gt.txt", "\n".join(mot_lines(split, 0)))
        write_text(folder / split / "drive" / "gt" / "labels.txt", "\n".join(CLASSES))
    return folder


spoil_mot = replacing("3,1,10,5", "3,1,left,5", ":4")


def datumaro_json(path: Path, split: str, states_paths: bool = True) -> Path:
    """Write the file of a subset; CVAT states the paths of images only where it exports these, too."""

    def stated(box: Box) -> dict:
        shape = [box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1]
        about = {"id": 0, "type": "bbox", "group": 0, "label_id": box.label, "z_order": 0}
        return {**about, "attributes": {"occluded": False, "is_crowd": box.ignore}, "bbox": shape}

    items = [
        {
            "id": Path(name).stem,
            "annotations": [stated(box) for box in boxes],
            "attr": {"frame": number},
            "image": {"path": name if states_paths else "", "size": [HEIGHT, WIDTH]},
        }
        for number, (name, boxes) in enumerate(TRUTH[split].items())
    ]
    labels = [{"name": name, "parent": "", "attributes": []} for name in CLASSES]
    categories = {"label": {"labels": labels, "attributes": ["occluded"]}, "points": {"items": []}}
    return write_text(path, json.dumps({"info": {}, "categories": categories, "items": items}))


def write_datumaro_file(folder: Path) -> Path:
    write_images(folder / "images" / "default", "train")
    return datumaro_json(folder / "annotations" / "default.json", "train", states_paths=False)


def write_datumaro(folder: Path) -> Path:
    write_splits(folder, "images/{}", "annotations/{}.json", datumaro_json)
    return folder / "annotations"


spoil_ultralytics = replacing("[1, 0.5, 0.5, 0.5, 0.5]", '[1, "left", 0.5, 0.5, 0.5]', ":4, annotation 0")


def spoil_labelbox(path: Path) -> str:
    replace(
        path, '{"top": 5, "left": 10, "height": 10, "width": 20}', '{"top": 5, "left": "x", "height": 10, "width": 20}'
    )
    return ":3, annotation 0" if path.suffix == ".ndjson" else ": image entry 2, annotation 0"


spoil_manifest = replacing(
    '"top": 5, "left": 10, "width": 20', '"top": 5, "left": "x", "width": 20', ":3, annotation 0"
)

spoil_darwin = replacing('"x": 10', '"x": "left"', ", annotation 0")

spoil_datumaro = replacing("[10, 5, 20, 10]", '["left", 5, 20, 10]', ": image entry 2, annotation 0")

spoil_vertex = replacing(
    '"xMin": 0.25, "yMin": 0.25, "xMax": 0.75', '"xMin": 0.25, "yMin": 0.25, "xMax": "wide"', ":3, annotation 0"
)

spoil_automl = replacing("c.png,car,0.25", "c.png,car,wide", ":4")


# Text files of public datasets


def kitti_lines(boxes: Iterable[Box]) -> str:
    """Return the objects of an image, without regions to ignore; those of KITTI are of no class."""
    about_space = "-1 -1 -1 -1000 -1000 -1000 -10"
    lines = [
        f"{CLASSES[box.label]} 0.00 0 -10 {box.x1}.00 {box.y1}.00 {box.x2}.00 {box.y2}.00 {about_space}\n"
        for box in boxes
        if not box.ignore
    ]
    return "".join(lines)


def write_kitti(folder: Path) -> Path:
    for split, name in (("train", "training"), ("val", "validation")):
        write_images(folder / name / "image_2", split)
        for image, boxes in TRUTH[split].items():
            write_text((folder / name / "label_2" / image).with_suffix(".txt"), kitti_lines(boxes))
    return folder


def write_tao(folder: Path) -> Path:
    write_images(folder / "images", "train")
    for image, boxes in TRUTH["train"].items():
        write_text((folder / "labels" / image).with_suffix(".txt"), kitti_lines(boxes))
    return folder


def write_visdrone(folder: Path) -> Path:
    """Write the number of a bus and of a car in VisDrone, and a comma at the end, as some of its files have."""
    for split in ("train", "val"):
        inside = folder / f"VisDrone2019-DET-{split}"
        write_images(inside / "images", split)
        for image, boxes in TRUTH[split].items():
            lines = [
                f"{box.x1},{box.y1},{box.x2 - box.x1},{box.y2 - box.y1},{int(not box.ignore)},{number},0,0,\n"
                for box in boxes
                for number in [(9, 4)[box.label]]
            ]
            write_text((inside / "annotations" / image).with_suffix(".txt"), "".join(lines))
    return folder


def write_wider_face(folder: Path) -> Path:
    """Write faces, and a line of zeros for an image without."""
    for split in ("train", "val"):
        write_images(folder / f"WIDER_{split}" / "images" / "0--Parade", split)
        lines = []
        for image, boxes in TRUTH[split].items():
            lines += [f"0--Parade/{image}", str(len(boxes))]
            lines += [
                f"{box.x1} {box.y1} {box.x2 - box.x1} {box.y2 - box.y1} 0 0 0 {int(box.ignore)} 0 0 " for box in boxes
            ] or ["0 0 0 0 0 0 0 0 0 0 "]
        write_text(folder / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt", "\n".join([*lines, ""]))
    return folder


spoil_kitti = replacing("10.00 5.00", "left 5.00", ":1")

spoil_visdrone = replacing("10,5,20", "left,5,20", ":1")

spoil_wider_face = replacing("10 5 20 10 0", "left 5 20 10 0", ":11")
