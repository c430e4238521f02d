"""The HTTP interface: answers, refusals, and what it tells about itself."""

import gc
import re
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from red_pictures import picture

from detect.data.pixels.tiles import Tiling
from detect.inference.predictor import Model
from detect.inference.result import Result
from detect.serving.app import PAGE, REFUSALS
from detect.serving.request_limits import RequestLimits
from detect.serving.uploads import PlacedImage

DETECT = "/v1/detect"
BOX = (16, 8, 48, 40)  # covers a quarter of 64 x 64 pixels


def error_of(answer, status: int) -> str:
    """Return the sentence of a refusal."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def of_type(name: str) -> dict[str, str]:
    return {"content-type": name}


@pytest.mark.parametrize(
    "options", [{}, {"width": 200, "height": 131}, {"width": 640, "height": 480, "format": "JPEG"}]
)
def test_an_answer_is_what_predict_finds_to_the_last_digit(client, red_model, options):
    data = picture(20, 10, 60, 60, **options)
    (result,) = red_model.predict(data, confidence=0.001)
    answer = client.post(DETECT, content=data, params={"confidence": 0.001}).json()
    assert answer == {
        "model": "red",
        "width": options.get("width", 64),
        "height": options.get("height", 64),
        "objects": [
            {"label": 0, "name": "red", "score": float(result.scores[0]), "box": list(map(float, result.boxes[0]))}
        ],
    }


def test_a_model_of_tiles_is_shown_tiles(serve, red_model):
    card = red_model.card.model_copy(update={"tiling": Tiling(tile=64)})
    tiled = Model(red_model.backend, card)
    data = picture(50, 10, 90, 40, width=128, height=64)
    (result,) = tiled.predict(data)
    assert result.boxes.tolist() == [[50, 10, 90, 40]]  # at full size, over a seam
    with serve({"red": tiled}) as client:
        assert client.post(DETECT, content=data).json()["objects"][0]["box"] == [50, 10, 90, 40]


def test_bytes_of_any_name_and_forms_are_images(client):
    data = picture(*BOX)
    answers = [
        client.post(DETECT, content=data),
        client.post(DETECT, content=data, headers=of_type("image/png")),
        client.post(DETECT, content=data, headers=of_type("application/octet-stream")),
        client.post(DETECT, content=iter([data[:100], data[100:]])),  # of a length that is not stated
        client.post(DETECT, files={"image": ("a.png", data)}),
        client.post(DETECT, files={"anything": data}, data={"note": "beside it"}),
    ]
    assert [answer.json()["objects"][0]["box"] for answer in answers] == [list(BOX)] * len(answers)


def test_thresholds_and_classes(client):
    def count(data, **parameters):
        return len(client.post(DETECT, content=data, params=parameters).json()["objects"])

    quarter, sixteenth = picture(*BOX), picture(0, 0, 16, 16)
    assert (count(quarter), count(sixteenth)) == (1, 0)  # the card of the model says an eighth
    assert (count(quarter, confidence=0.3), count(sixteenth, confidence=0.05)) == (0, 1)
    assert (count(quarter, classes="never"), count(quarter, classes="never,red")) == (0, 1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"confidence": "2"}, "confidence: .* 1, got '2'"),
        ({"iou": "nan"}, "iou: .*, got 'nan'"),
        ({"confidence": "half"}, "confidence: .* number.*'half'"),
        ({"classes": "rod"}, "no class 'rod'. Did you mean 'red'"),
        ({"classes": "red,2"}, "no class '2'. Known: never, red"),
        ({"model": "blue"}, "no model 'blue'. Known: red|no model 'blue'"),
    ],
)
def test_parameters_that_cannot_be_used(client, parameters, words):
    assert re.search(words, error_of(client.post(DETECT, content=picture(*BOX), params=parameters), 422))


def test_what_is_no_image(client):
    data = picture(*BOX)
    cut = picture(*BOX, width=300, height=300, format="JPEG")[:-400]
    assert "it is empty" in error_of(client.post(DETECT, content=b""), 422)
    assert "begins with b'hello'" in error_of(client.post(DETECT, content=b"hello"), 422)
    assert "decoded" in error_of(client.post(DETECT, content=cut), 422)
    assert "has no file" in error_of(client.post(DETECT, files={"image": (None, "text")}), 422)
    assert "Too many files" in error_of(client.post(DETECT, files={"a": data, "b": data}), 422)
    assert "Missing boundary" in error_of(
        client.post(DETECT, content=b"x", headers=of_type("multipart/form-data")), 422
    )
    assert "got text/plain" in error_of(client.post(DETECT, content=data, headers=of_type("text/plain")), 415)
    assert "urlencoded" in error_of(client.post(DETECT, data={"image": "text"}), 415)


def test_limits_on_bytes_and_pixels(serve, red_model):
    data = picture(*BOX)
    with serve({"red": red_model}, RequestLimits(bytes=len(data), pixels=64 * 64)) as client:
        assert client.post(DETECT, content=data).status_code == 200
        assert f"more than {len(data)} bytes" in error_of(client.post(DETECT, content=data + b"x"), 413)
        assert "bytes" in error_of(client.post(DETECT, content=iter([data, b"x"])), 413)
        assert "bytes" in error_of(client.post(DETECT, files={"image": data}), 413)
        wide = picture(0, 0, 1, 1, width=65)
        assert len(wide) <= len(data)
        assert "65 x 64 pixels" in error_of(client.post(DETECT, content=wide), 413)


def test_requests_that_are_too_many_are_sent_away(serve, red_model):
    red_model.backend.gate.clear()
    with serve({"red": red_model}, RequestLimits(requests=1)) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(client.post, DETECT, content=picture(*BOX))
        assert red_model.backend.begun.acquire(timeout=20)
        second = client.post(DETECT, content=picture(*BOX))
        assert "1 requests are in progress" in error_of(second, 503)
        assert second.headers["retry-after"] == "1"
        assert "detect_requests_in_progress 1\n" in client.get("/metrics").text
        red_model.backend.gate.set()
        assert first.result().status_code == 200
        assert client.post(DETECT, content=picture(*BOX)).status_code == 200


def test_answers_that_take_too_long(serve, red_model):
    red_model.backend.gate.clear()
    with serve({"red": red_model}, RequestLimits(seconds=0.1)) as client:
        assert "within 0.1 seconds" in error_of(client.post(DETECT, content=picture(*BOX)), 504)
        red_model.backend.gate.set()
        assert client.post(DETECT, content=picture(*BOX)).status_code == 200


def test_stopping_answers_what_is_in_progress(serve, red_model):
    red_model.backend.gate.clear()
    with ThreadPoolExecutor() as pool:
        with serve({"red": red_model}) as client:
            asked = pool.submit(client.post, DETECT, content=picture(*BOX))
            assert red_model.backend.begun.acquire(timeout=20)
            threading.Timer(0.2, red_model.backend.gate.set).start()  # by then, the server is stopping
        assert asked.result().status_code == 200


def test_a_failure_is_not_explained_to_clients_and_ends_nothing(client, red_model, monkeypatch):
    def fail(*_):
        raise RuntimeError("a secret of the server")

    with monkeypatch.context() as patch:
        patch.setattr(red_model.backend, "detect", fail)
        assert error_of(client.post(DETECT, content=picture(*BOX)), 500) == "The server failed; its log says why."
    assert client.post(DETECT, content=picture(*BOX)).status_code == 200


def test_fifty_clients_at_once_get_each_their_own_answer(client, red_model):
    """Among them some whose images are damaged: those alone are refused."""
    boxes = [(x, y, x + 30, y + 30) for x in range(0, 30, 3) for y in range(0, 30, 6)]
    damaged = set(range(0, 50, 7))

    def ask(number: int):
        data = b"damaged" if number in damaged else picture(*boxes[number])
        return [client.post(DETECT, content=data, params={"confidence": 0.1}) for _ in range(4)]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    for number, (box, own) in enumerate(zip(boxes, answers, strict=True)):
        if number in damaged:
            assert {answer.status_code for answer in own} == {422}
        else:
            assert [answer.json()["objects"][0]["box"] for answer in own] == [list(box)] * 4
    assert sum(red_model.backend.batches) == 4 * (50 - len(damaged))
    assert max(red_model.backend.batches) > 1


def test_nothing_of_a_request_stays_in_memory(client):
    for answer in (
        client.post(DETECT, content=picture(*BOX)),
        client.post(DETECT, files={"image": picture(*BOX)}),
        client.post(DETECT, content=b"damaged"),
    ):
        assert answer.status_code in (200, 422)
    gc.collect()
    assert not [kept for kept in gc.get_objects() if isinstance(kept, (PlacedImage, Result))]


def test_uploads_stay_in_memory(client, monkeypatch):
    def write(self):
        raise AssertionError("a file was written")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", write)
    large = picture(*BOX) + bytes(2 * 2**20)  # PNG allows anything behind its end
    assert client.post(DETECT, files={"image": large}).status_code == 200


def test_pages_of_strangers_read_no_answers(serve, red_model):
    origin = {"origin": "https://example.com"}
    with serve({"red": red_model}) as client:
        assert client.get("/health", headers={"host": "example.com"}).status_code == 400
        assert client.get("/health", headers={"host": "localhost:1"}).json() == {"status": "ok"}
        assert "access-control-allow-origin" not in client.get("/health", headers=origin).headers
    with serve({"red": red_model}, host="0.0.0.0", origins=["https://example.com"]) as client:
        assert client.get("/health", headers={"host": "example.com"}).status_code == 200
        allowed = client.post(DETECT, content=picture(*BOX), headers=origin)
        assert allowed.headers["access-control-allow-origin"] == "https://example.com"
        other = client.get("/health", headers={"origin": "https://example.org"})
        assert "access-control-allow-origin" not in other.headers


def test_metrics(client):
    client.post(DETECT, content=picture(*BOX))
    client.post(DETECT, content=b"damaged")
    lines = client.get("/metrics").text.splitlines()
    assert {
        "detect_requests_in_progress 0",
        'detect_requests_total{status="200"} 1',
        'detect_requests_total{status="422"} 1',
        'detect_request_seconds_bucket{le="+Inf"} 2',
        "detect_request_seconds_count 2",
        'detect_images_total{model="red"} 1',
        'detect_batches_total{model="red"} 1',
    } <= set(lines)
    assert all(re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"\})? [\d.e-]+', line) for line in lines)


def test_models_tell_what_requests_may_ask_for(client):
    assert client.get("/v1/models").json() == {
        "models": [
            {
                "name": "red",
                "image_size": 64,
                "runs_in": "stand-in",
                "classes": [
                    {"name": "red", "colour": "#0072b2", "confidence": 0.125},
                    {"name": "never", "colour": "#e69f00", "confidence": 0.25},
                ],
            }
        ],
        "most_bytes": 32 * 2**20,
        "most_pixels": 64 * 10**6,
    }


def test_the_description_for_programs(client):
    described = client.get("/openapi.json").json()
    detect = described["paths"][DETECT]["post"]
    assert set(detect["responses"]) == {"200", *map(str, REFUSALS)}
    assert {each["name"] for each in detect["parameters"]} == {"model", "confidence", "iou", "classes"}
    assert set(detect["requestBody"]["content"]) == {"image/*", "application/octet-stream", "multipart/form-data"}
    contents = described["components"]["schemas"]
    found = contents["FoundObject"]["properties"]
    assert found["box"]["description"] == "x1, y1, x2, y2 in pixels of the upright image."


def test_files_of_the_page_and_no_others(client):
    for file in PAGE.iterdir():
        assert client.get(f"/page/{file.name}").content == file.read_bytes()
        assert not re.search(r"https?://", file.read_text()), "a page must not load anything from elsewhere"
    assert "Not Found" in error_of(client.get("/page/../app.py"), 404)
    assert "Not Found" in error_of(client.get("/page/%2e%2e/app.py"), 404)
    assert "Method Not Allowed" in error_of(client.get(DETECT), 405)
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
