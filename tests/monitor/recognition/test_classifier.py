"""Model files: what is read from them, and which are refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import METADATA_KEY, ModelMetadata
from testkit.models import metadata, motion_model


def test_a_model_brings_its_own_metadata(tmp_path: Path) -> None:
    about = metadata(labels=("walk", "still"), fps=12.5, size=32, thresholds={"walk": 0.7})
    classifier = OnnxClassifier(motion_model(tmp_path / "m.onnx", about))
    assert classifier.metadata == about
    assert classifier.metadata.clip.shape == (20, 32, 32, 3)
    assert classifier.metadata.alert_labels == ("walk",)


def test_scores_sum_to_one_for_any_number_of_clips(tmp_path: Path) -> None:
    classifier = OnnxClassifier(motion_model(tmp_path / "m.onnx"))
    clips = np.random.default_rng(1).integers(0, 256, (3, 20, 64, 64, 3), np.uint8)
    clips[1] = 128
    scores = classifier.predict(clips)
    assert scores.shape == (3, 2)
    assert scores.sum(axis=1) == pytest.approx(1)
    assert scores.argmax(axis=1).tolist() == [0, 1, 0]


def rewritten(path: Path, metadata: str) -> Path:
    model = onnx.load(motion_model(path))
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata})
    onnx.save(model, path)
    return path


def changed(**values: object) -> str:
    return json.dumps(json.loads(metadata().model_dump_json()) | values)


DATA = {"name": "none", "sha256": "0" * 64, "clips": 0, "groups": 0}
FILM = {"name": "a.mp4", "sha256": "0" * 64, "from_s": 0, "to_s": 1, "slices": 1}

BROKEN = {
    "not JSON": ("{", "its metadata does not hold: metadata: Invalid JSON"),
    "a field missing": ("{}", "its metadata does not hold: name: Field required"),
    "a newer schema": (changed(schema_version=2), "schema_version: Input should be 1"),
    "one label": (changed(labels=["moving"]), "labels: Tuple should have at least 2 items"),
    "a label with a terminal escape": (
        changed(labels=["\x1b[31m", "still"]),
        "labels.0: up to 64",
    ),
    "a label with a path": (
        changed(labels=["../../etc", "still"]),
        "labels.0: up to 64",
    ),
    "a name with a terminal escape": (
        changed(name="\x1b[31mred"),
        "name: holds characters that cannot be printed, found '\\x1b[31mred'",
    ),
    "an evaluation of two lines": (
        changed(evaluation="well\nERROR forged"),
        "evaluation: holds characters that cannot be printed, found 'well\\nERROR forged'",
    ),
    "a name that fills the screen": (
        changed(name="x" * 301),
        "name: String should have at most 300 characters, found '" + "x" * 99,
    ),
    "a metric that no terminal shows": (
        changed(metrics={"\x1b]0;x\x07": 1}),
        r"metrics.\x1b]0;x\x07.[key]: holds characters that cannot be printed, found",
    ),
    "a metric that is no number": (
        changed(metrics={"accuracy": float("nan")}),
        "metrics.accuracy: Input should be a finite number, found nan",
    ),
    "a metric without end": (
        changed(metrics={"accuracy": 0}).replace('"accuracy": 0', '"accuracy": 1e999'),
        "metrics.accuracy: Input should be a finite number, found inf",
    ),
    "too many metrics": (
        changed(metrics={str(count): 0 for count in range(201)}),
        "metrics: Dictionary should have at most 200 items after validation, not more",
    ),
    "data without a hash": (
        changed(data={"name": "none", "sha256": "../../etc", "clips": 0, "groups": 0}),
        "data.sha256: String should match pattern '^[0-9a-f]{64}$', found '../../etc'",
    ),
    "a film with a path of two lines": (
        changed(data=DATA | {"footage": [FILM | {"name": "a\nb"}]}),
        "data.footage.0.name: holds characters that cannot be printed, found 'a\\nb'",
    ),
    "a film that has no end": (
        changed(data=DATA | {"footage": [FILM | {"to_s": float("inf")}]}),
        "data.footage.0.to_s: Input should be a finite number, found inf",
    ),
    "a threshold over 1": (changed(thresholds={"moving": 2}), "less than or equal to 1"),
    "a tuning without its measurement": (
        changed(tuning={"smoothing_s": 1}),
        "its metadata does not hold: tuning.metrics: Field required",
    ),
    "a smoothing of days": (
        changed(tuning={"smoothing_s": 1e5, "metrics": {}, "evaluation": "-"}),
        "tuning.smoothing_s: Input should be less than or equal to 3600",
    ),
    "a threshold for no label": (changed(thresholds={"dance": 0.5}), "thresholds names 'dance'"),
    "a label without a threshold": (
        changed(thresholds={}),
        "thresholds has none for the label moving",
    ),
    "only background": (changed(background=["moving", "still"]), "nothing could alert"),
    "another size": (
        changed(size=32),
        "input clip uint8 (N, 20, 64, 64, 3); its metadata promises",
    ),
    "another number of labels": (
        changed(labels=["moving", "still", "dance"], background=["still", "dance"]),
        "output scores float (N, 2); its metadata promises scores float (N, 3)",
    ),
}


@pytest.mark.parametrize(("metadata", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_model_that_does_not_fit_its_metadata_is_refused(
    tmp_path: Path, metadata: str, expected: str
) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(rewritten(tmp_path / "m.onnx", metadata))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/m.onnx: ")
    assert expected in message
    assert message.isprintable()


def test_a_model_without_metadata_is_refused(tmp_path: Path) -> None:
    path = motion_model(tmp_path / "m.onnx", with_metadata=False)
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(path)
    assert str(caught.value) == (
        f"{path}: carries no metadata of har-monitor; har-export writes it, "
        "where it makes an ONNX file of a Keras model"
    )


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x08\x07" * 50], ids=["empty", "text", "bytes"]
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX model that can be run") as caught:
        OnnxClassifier(path)
    assert "\n" not in str(caught.value)


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "none.onnx")
    assert str(caught.value) == f"{tmp_path}/none.onnx: no such file or directory"


def test_the_metadata_survives_its_own_text() -> None:
    about = metadata(metrics={"accuracy": 0.75})
    assert ModelMetadata.model_validate_json(about.model_dump_json()) == about
