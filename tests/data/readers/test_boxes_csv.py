import numpy as np
import pytest

from detect.data.dataset import split
from detect.data.readers.boxes_csv import READER, is_boxes_csv
from detect.data.readers.description import open_dataset
from detect.errors import BadInput


@pytest.fixture
def write(tmp_path, write_image):
    """Return a function that writes a table and images of 64 x 48 pixels."""

    def write(text, images=("a.jpg",), name="train.csv", encoding="utf-8"):
        for image in images:
            write_image(tmp_path / image)
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write


def boxes(path) -> list[list[float]]:
    return split(open_dataset(path), "train").boxes.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,64,48,car,10,20,30,25\n",
        "class,ymax,xmax,ymin,xmin,source,filename\ncar,25,30,20,10,me,a.jpg\n",
        "image;label;x_min;y_min;x_max;y_max\na.jpg;car;10;20;30;25\n",
        "Image Path\tX1\tY1\tX2\tY2\tLabel\na.jpg\t10\t20\t30\t25\tcar\n",
        "image_name|x0|y0|x1|y1|label\na.jpg|10|20|30|25|car\n",
        'image_id,"class name",x,y,w,h\na,car,10,20,20,5\n',
        "filename,class,x,y,width,height\na.jpg,car,10,20,20,5\n",
        "filename,class,x_center,y_center,width,height\na.jpg,car,20,22.5,20,5\n",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\ncar,10,20,20,5,a.jpg,64,48\n",
        "\ufefffilename,width,height,class,xmin,ymin,xmax,ymax\r\n\r\n a.jpg ,64,48, car , 10,20,30,25\r\n",
        "a.jpg,10,20,30,25,car\n",
        "a.jpg,64,48,car,10,20,30,25\n",
        "car,10,20,20,5,a.jpg,64,48\n",
    ],
)
def test_columns(write, text):
    dataset = open_dataset(write(text))
    assert dataset.classes == ("car",)
    np.testing.assert_array_equal(split(dataset, "train").boxes, [[10, 20, 30, 25]])
    assert not dataset.problems["train"].counts


def test_width_and_height_of_the_image(write):
    """Stated sizes are read: a wrong one is reported."""
    path = write("filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,640,48,car,10,20,30,25\n")
    assert open_dataset(path).problems["train"].counts == {"stated size differs": 1}


@pytest.mark.parametrize(
    "text",
    [
        "name,value\na,1\n",
        "epoch,time,train/box_loss,metrics/mAP50(B)\n1,2,3,4\n",
        "filename,class\na.jpg,car\n",
        "xmin,ymin,xmax,ymax\n1,2,3,4\n",
        "a.jpg,1,2,3,car\n",
        "a.jpg,1,2,3,4,\n",
        "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax\nx.png,0a,/m/0,1,0,1,0,1\n",
        "a.jpg,one,2,3,4,car\n",
        "notes.txt,1,2,3,4,car\n",
        "",
        "\n\n",
    ],
)
def test_other_tables_are_not_recognised(write, text):
    assert not is_boxes_csv(write(text))


def test_a_table_of_detections_is_not_truth(write):
    path = write("filename,class,score,xmin,ymin,xmax,ymax\na.jpg,car,0.9,10,20,30,25\n")
    with pytest.raises(BadInput, match="table of detections: it has a column 'score'"):
        open_dataset(path)


def test_tables_that_are_not_annotations_do_not_disturb(write, tmp_path):
    write("filename,class,xmin,ymin,xmax,ymax\na.jpg,car,10,20,30,25\n", name="boxes.csv")
    write("epoch,loss\n1,2\n", (), "results.csv")
    write('{"name": "app", "scripts": {}}', (), "package.json")
    assert open_dataset(tmp_path).format == "CSV"


def test_an_image_with_its_rows_apart_is_one(write):
    text = "a.jpg,0,0,9,9,car\nb.jpg,0,0,8,8,bus\na.jpg,10,10,19,19,bus\nc.jpg,,,,,\n"
    dataset = open_dataset(write(text, ("a.jpg", "b.jpg", "c.jpg")))
    records = split(dataset, "train")
    assert [record.image_path.name for record in records] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [record.boxes.tolist() for record in records] == [[[0, 0, 9, 9], [10, 10, 19, 19]], [[0, 0, 8, 8]], []]
    assert records.labels.tolist() == [1, 0, 0]


def test_an_image_whose_path_is_written_in_several_ways_is_one(write):
    rows = ["./a.jpg,0,0,9,9,car", "x/b.jpg,0,0,9,9,car", "a.jpg,10,0,19,9,car", ".\\a.jpg,20,0,29,9,car"]
    rows += ["x\\b.jpg,10,0,19,9,car"]
    dataset = open_dataset(write("\n".join(rows), ("a.jpg", "x/b.jpg")))
    assert [len(record.boxes) for record in split(dataset, "train")] == [3, 2]
    assert not dataset.problems["train"].counts


def test_rows_that_cannot_be_used_are_reported_with_their_lines(write):
    rows = ["a.jpg,0,0,9,9,car", "a.jpg,0,0,9", "a.jpg,0,0,9,x,car", "a.jpg,0,0,9,9,", ",0,0,9,9,car", "a.jpg,,,,,car"]
    dataset = open_dataset(write("\n".join(rows)))
    problems = dataset.problems["train"]
    assert [problem.where.rpartition(":")[2] for problem in problems] == ["2", "3", "4", "5", "6"]
    assert (problems.boxes_total, problems.lost_boxes) == (6, 5)


def test_lines_are_those_of_the_file_where_a_field_has_several(write):
    dataset = open_dataset(
        write('filename,note,class,xmin,ymin,xmax,ymax\na.jpg,"one\ntwo",car,1,1,9,9\na.jpg,,car,x\n')
    )
    (problem,) = dataset.problems["train"]
    assert problem.where.endswith("train.csv:4")


@pytest.mark.parametrize(
    ("encoding", "name"), [("gb18030", "汽车"), ("cp1252", "Käfer"), ("utf-16", "汽车"), ("utf-8", "é")]
)
def test_encodings(write, encoding, name):
    rows = "".join(f"a.jpg,{row},0,{row + 9},9,{name}\n" for row in range(20))
    assert open_dataset(write(rows, encoding=encoding)).classes == (name,)


def test_many_rows_are_read_in_parts(write):
    """A bad row among tens of thousands costs only itself."""
    rows = [
        f"a.jpg,{row % 50},{row // 50 % 30},{row % 50 + 2 + row // 1500},{row // 50 % 30 + 3},car"
        for row in range(21000)
    ]
    rows[12345] = "a.jpg,1,2,3,?,car"
    dataset = open_dataset(write("\n".join(rows)))
    assert dataset.problems["train"].lost_boxes == 1
    assert "train.csv:12346" in next(iter(dataset.problems["train"])).where
    assert dataset.problems["train"].boxes_total == 21000


def test_a_mapping_gives_the_order_of_the_classes_of_retinanet(write, tmp_path):
    path = write("a.jpg,0,0,9,9,car\na.jpg,5,5,9,9,bus\na.jpg,5,5,8,8,train\n")
    (tmp_path / "classes.csv").write_text("class,id\ncar,0\nbus,1\n")
    dataset = open_dataset(path)
    assert dataset.classes == ("car", "bus")
    assert split(dataset, "train").labels.tolist() == [0, 1]
    assert dataset.problems["train"].counts == {"unknown class": 1}
    (tmp_path / "classes.csv").write_text("car,0\nbus,one\n")
    with pytest.raises(BadInput, match=r"classes\.csv:2: expected the name of a class and its number"):
        open_dataset(path)


def test_paths_of_other_machines(write):
    dataset = open_dataset(
        write("C:\\data\\images\\a.jpg,0,0,9,9,car\n/home/me/B.JPG,0,0,9,9,car\n", ("a.jpg", "b.jpg"))
    )
    assert [record.image_path.name for record in split(dataset, "train")] == ["a.jpg", "b.jpg"]


def test_a_missing_image_that_is_named_without_suffix_is_lost(write):
    dataset = open_dataset(write("image_id,class,xmin,ymin,xmax,ymax\na,car,1,1,9,9\nb,car,1,1,9,9\n"))
    problems = dataset.problems["train"]
    assert (problems.counts, problems.lost_images, problems.lost_boxes) == ({"missing image": 1}, 1, 1)


def test_images_that_no_row_names_are_counted(write):
    dataset = open_dataset(write("a.jpg,0,0,9,9,car\n", ("a.jpg", "b.jpg", "c.jpg")))
    assert any(
        note.startswith("images in ") and note.endswith("do not name are left out (2)") for note in dataset.notes
    )


def test_splits_of_one_folder_share_its_images(write, tmp_path):
    write("a.jpg,0,0,9,9,car\n", ("a.jpg", "b.jpg"))
    write("b.jpg,0,0,9,9,car\n", name="val.csv")
    dataset = open_dataset(tmp_path)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 1, "val": 1}
    assert not any("not named" in note for note in dataset.notes)


def test_the_only_table_of_no_split_is_the_training_split(write, tmp_path):
    write("a.jpg,0,0,9,9,car\n", name="annotations.csv")
    write("b.jpg,0,0,9,9,car\n", ("b.jpg",), "val_annotations.csv")
    dataset = open_dataset(tmp_path)
    assert {name: len(records) for name, records in dataset.splits.items()} == {"train": 1, "val": 1}
    write("a.jpg,0,0,9,9,car\n", name="more.csv")
    dataset = open_dataset(tmp_path)
    assert list(dataset.splits) == ["val"]
    assert "not read, because no split is in their names: annotations.csv, more.csv" in dataset.notes


def test_a_description_names_tables(write, tmp_path):
    write("a.jpg,0,0,9,9,car\na.jpg,5,5,9,9,bus\n", ("far/a.jpg",), "x.csv")
    text = "format: boxes_csv\nclasses: [car, bus]\nsplits:\n  val: {annotations: x.csv, images: far}\n"
    (tmp_path / "set.yaml").write_text(text)
    dataset = open_dataset(tmp_path / "set.yaml")
    assert dataset.classes == ("car", "bus")
    assert len(split(dataset, "val").boxes) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filename,class,xmin,ymin,xmax,ymax\n", "there is no class to learn"),
        ("b.jpg,0,0,9,9,car\n", "none of its images \\(1, such as 'b.jpg'\\) exists"),
        (b"a.jpg,0,0,9,9,\x81\x8d\xff\n", "not a text file"),
        ('a.jpg,0,0,9,9,car\na.jpg,0,0,9,9,"' + "x" * 200_000, "is not a table"),
        ("a.jpg,0,0,9,9,car\n" + "x" * 2_000_000, "is not a table: a line has"),
    ],
)
def test_what_cannot_be_used_is_refused(write, text, reason):
    with pytest.raises(BadInput, match=rf"train\.csv.*{reason}"):
        READER.files[0].read(write(text))
