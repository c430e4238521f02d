"""Published checkpoints as saved models: downloads from a server in this process, files given by hand, wrong files."""

import dataclasses
import http.server
import re
import threading

import numpy as np
import pytest
from torch_writing import archive

from detect import models
from detect.errors import BadInput, RunFailure
from detect.models import saving
from detect.models.card import load_card
from detect.weights import download, importing, megvii_yolox
from detect.weights.importing import checkpoints, import_weights, imported, is_here

ALL = checkpoints().values()


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends the server's content from the start of the Range; the first answer breaks off at byte `first`."""

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.first])
        server.first = None

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def server(published, monkeypatch):
    """Serve the file of `published` at its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.first, server.ranges = published.file.read_bytes(), None, []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/yolox_micro.pth"
    replace(monkeypatch, published.checkpoint, address=address)
    monkeypatch.setattr(download, "PAUSE", 0)
    yield server
    server.shutdown()
    server.server_close()


def replace(monkeypatch, checkpoint, **changes) -> None:
    monkeypatch.setattr(megvii_yolox, "CHECKPOINTS", (dataclasses.replace(checkpoint, **changes),))


def rewrite(published, **changes) -> None:
    """Rewrite the published file with other tensors; None removes one. The digest no longer fits."""
    state = {name: value for name, value in {**published.state, **changes}.items() if value is not None}
    published.file.write_bytes(archive({"model": state}))


@pytest.mark.parametrize("checkpoint", ALL, ids=lambda checkpoint: checkpoint.name)
def test_rows_are_plausible(checkpoint):
    assert checkpoint.name in (f"{checkpoint.model}-coco", f"{checkpoint.model}-obj2coco")
    assert checkpoint.model in models.names()
    assert checkpoint.address.startswith("https://")
    assert re.fullmatch(r"[0-9a-f]{8,64}|md5:[0-9a-f]{32}|", checkpoint.digest)
    if checkpoint.name == f"{checkpoint.model}-coco":
        assert models.variant(checkpoint.model).published_ap in (None, checkpoint.published_ap)
    assert len(checkpoint.classes) == len(set(checkpoint.classes)) == len(checkpoint.category_ids)
    assert len(set(checkpoint.category_ids)) == len(checkpoint.category_ids)


def test_addresses_are_kept_under_different_names():
    files = [download.cached_file(checkpoint.address) for checkpoint in ALL]
    assert len(set(files)) == len(files)


def test_a_download_becomes_a_saved_model(server, published):
    steps = []
    folder = imported(importing.find("yolox-micro-coco"), progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (len(server.content), len(server.content))
    detector, card = saving.load(folder)
    stem = published.state["backbone.backbone.stem.conv.conv.weight"]
    np.testing.assert_array_equal(detector.backbone.focus.block.convolution.kernel, stem.transpose(2, 3, 1, 0))
    assert (card.model, card.classes, card.category_ids) == ("yolox-micro", ("person", "bicycle", "car"), (1, 2, 3))
    assert (card.image_size, card.fit.kind, card.config["prior"]) == (64, "letterbox", 0.02)
    assert (card.licence, card.metrics) == ("Apache-2.0; trained on COCO", {"AP": 0.258})
    assert card.source.startswith("Megvii")
    assert card.source.endswith("/yolox_micro.pth")


def test_the_second_time_needs_no_network(server):
    checkpoint = importing.find("yolox-micro-coco")
    assert not is_here(checkpoint)
    folder = imported(checkpoint)
    assert is_here(checkpoint)
    assert imported(checkpoint) == folder
    assert len(server.ranges) == 1


def test_a_broken_download_goes_on(server):
    server.first = 1000
    assert imported(importing.find("yolox-micro-coco")).is_dir()
    assert server.ranges == [None, "bytes=1000-"]


def test_another_content_leaves_nothing_behind(server, published):
    server.content = server.content[:-1] + b"x"
    with pytest.raises(RunFailure, match="SHA-256"):
        import_weights("yolox-micro-coco")
    assert [path.suffix for path in published.cache.rglob("*")] == [".lock"]


def test_offline_the_message_says_where_from_and_where_to(published):
    with pytest.raises(RunFailure) as caught:
        import_weights("yolox-micro-coco")
    for part in (
        published.checkpoint.address,
        str(published.cache / "yolox_micro.pth"),
        "detect weights import yolox-micro-coco --file",
    ):
        assert part in str(caught.value)


def test_a_file_put_into_the_cache_by_hand(published):
    published.cache.mkdir()
    published.file.rename(published.cache / "yolox_micro.pth")
    assert is_here(published.checkpoint)
    assert imported(published.checkpoint) == published.cache / "imported" / "yolox-micro-coco"


def test_a_file_given_by_its_path(published):
    folder = import_weights("yolox-micro-coco", file=published.file)
    assert folder == imported(published.checkpoint)
    assert load_card(folder).licence == "Apache-2.0; trained on COCO"


def test_another_file_needs_a_folder_and_is_not_called_the_published_one(published, tmp_path):
    rewrite(published, **{"head.cls_preds.0.bias": np.zeros(3, np.float32)})
    with pytest.raises(BadInput, match=r"not the published file of yolox-micro-coco: .*--out"):
        import_weights("yolox-micro-coco", file=published.file)
    assert not is_here(published.checkpoint)
    card = load_card(import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "mine"))
    assert "yolox_micro.pth" in card.source
    assert "Megvii" not in card.source
    assert (card.licence, card.metrics) == ("", {})


def test_tensors_that_do_not_fit_are_named_and_nothing_is_written(published, tmp_path):
    rewrite(
        published,
        **{
            "head.stems.0.bn.weight": None,
            "head.stems.9.bn.weight": np.zeros(16, np.float32),
            "head.cls_preds.1.bias": np.zeros(80, np.float32),
        },
    )
    with pytest.raises(BadInput) as caught:
        import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "mine")
    for part in (
        "yolox_micro.pth",
        "head.stems.0.bn.weight is missing",
        "head.stems.9.bn.weight is not part of it",
        "head.cls_preds.1.bias becomes [80]",
    ):
        assert part in str(caught.value)
    assert not list(tmp_path.glob("*mine*"))


def test_a_file_of_something_else_is_told_apart(published, tmp_path):
    published.file.write_bytes(archive({"conv1.weight": np.zeros([8, 3, 3, 3])}))
    with pytest.raises(importing.ForeignFileError, match=r"such as conv1\.weight"):
        import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "mine")


def test_an_importer_that_forgets_a_weight_is_found_out(published, tmp_path, monkeypatch):
    def most(detector):
        return [target for target in megvii_yolox.targets(detector) if target.name != "head.obj_preds.2.bias"]

    replace(monkeypatch, published.checkpoint, targets=most)
    with pytest.raises(RunFailure, match=r"forgets .*head32/objectness/bias"):
        import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "mine")


def test_a_folder_of_something_else_is_left_alone(published, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match="is not a saved model"):
        import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "pictures")
    assert (tmp_path / "pictures" / "one.jpg").exists()


def test_a_model_is_replaced(published, tmp_path):
    for _ in range(2):
        folder = import_weights("yolox-micro-coco", file=published.file, out=tmp_path / "mine")
    assert load_card(folder).model == "yolox-micro"


def test_names_and_files_that_are_not_there(published, tmp_path):
    with pytest.raises(BadInput, match="Did you mean 'yolox-micro-coco'"):
        import_weights("yolox-micro-cocoa")
    for out in (None, tmp_path / "mine"):
        with pytest.raises(BadInput, match=r"none\.npz does not exist"):
            import_weights("yolox-micro-coco", file=tmp_path / "none.npz", out=out)
