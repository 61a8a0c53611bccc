"""Windows like no training clip: what the monitor makes of them, and how well they are told."""

import itertools
import json
import logging
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from monitor.cli.app import app as har_monitor
from monitor.config.options import ActivityOptions
from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import METADATA_KEY, ModelMetadata, Unknown
from testkit.fakes import FakeSource, lost, moving, picture, wait_until
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S
from tests.monitor.pipeline.test_monitor import Running, watching
from train.cli.evaluate import app
from train.evaluate.novelty import feature_statistics, fit_novelty_threshold
from train.evaluate.open_set import open_set_result

FROM_50 = Unknown(threshold=50, share=0.01, evaluation="chosen for the tests")
ON = {"smoothing_s": 0, "min_s": 0, "cooldown_s": 0, "unknown": True}


def about(**changes: object) -> ModelMetadata:
    """Of a motion model to which a mean change of over 50 grey levels is unknown."""
    return metadata(unknown=FROM_50, **changes)


@pytest.fixture
def classifier(tmp_path: Path) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path / "m.onnx", about()))


def test_a_window_of_something_unknown_starts_no_activity_and_is_counted(
    classifier: OnnxClassifier,
) -> None:
    monitor, sink = watching(classifier, {"wild.mp4": iter([FakeSource(moving(10))])}, activity=ON)
    monitor.run()

    (camera,) = monitor.cameras
    assert sink.alerts == []
    assert camera.windows == 0
    assert camera.dropped["unknown"] == (100 - 20) // 5 + 1
    assert camera.summary.endswith("17 dropped: unknown")


def test_the_status_says_while_it_is_so(classifier: OnnxClassifier) -> None:
    watched = threading.Event()

    def wait() -> None:
        assert watched.wait(LIMIT_S)

    sources = itertools.chain(
        [FakeSource(moving(4), lambda: wait() or lost())], [FakeSource()] * 99
    )
    monitor, _ = watching(classifier, {"rtsp://a/": sources}, activity=ON)
    with Running(monitor):
        wait_until(lambda: monitor.cameras[0].regions[""].unknown)
        watched.set()


def test_an_activity_ends_after_its_hold_where_what_follows_is_unknown(
    classifier: OnnxClassifier,
) -> None:
    calm = [picture(n / 10, 110 + 20 * (n % 2)) for n in range(50)]
    wild = [picture(5 + n / 10, 60 + 120 * (n % 2)) for n in range(100)]
    monitor, sink = watching(
        classifier, {"both.mp4": iter([FakeSource([*calm, *wild])])}, activity=ON
    )
    monitor.run()

    start, end = sink.alerts
    assert (start.start_s, start.end_s) == (0.0, None)
    assert end.end_s is not None
    assert end.end_s < 7
    assert end.decided_s < 10, "and not at the end of the file, at 15 s"


def test_without_the_option_nothing_is_unknown(classifier: OnnxClassifier) -> None:
    monitor, sink = watching(classifier, {"wild.mp4": iter([FakeSource(moving(10))])})
    monitor.run()

    assert len(sink.alerts) == 2
    assert not monitor.cameras[0].dropped


def test_the_limit_is_the_models_own_and_none_where_it_has_none_or_it_is_off() -> None:
    assert ActivityOptions(unknown=True).novelty_limit(about()) == 50
    assert ActivityOptions(unknown=True).novelty_limit(metadata()) == float("inf")
    assert ActivityOptions().novelty_limit(about()) == float("inf")


def test_check_says_from_where_on_windows_are_unknown(tmp_path: Path) -> None:
    model = motion_model(tmp_path / "m.onnx", about())
    on = tmp_path / "on.yaml"
    on.write_text("defaults:\n  activity:\n    unknown: true\n")

    def checked(*options: object) -> str:
        command = ["--model", str(model), "--check", *map(str, options)]
        return CliRunner().invoke(har_monitor, command).stdout

    assert "unknown  nothing: activity.unknown is false\n" in checked()
    assert "unknown  above a novelty of 50\n" in checked("--config", on)


def test_a_model_gives_novelty_beside_its_scores(classifier: OnnxClassifier) -> None:
    clips = np.zeros((2, *classifier.metadata.clip.shape), np.uint8)
    clips[1, ::2] = 100

    scores, novelty, _ = classifier.classify(clips)

    assert scores.shape == (2, 2)
    assert novelty is not None
    assert novelty.tolist() == [0, 100]


@pytest.mark.parametrize(
    ("made", "promised", "expected"),
    [
        pytest.param(
            about(), metadata(),
            "output scores float (N, 2), novelty float (N); its metadata promises "
            "scores float (N, 2)",
            id="a graph with it",
        ),
        pytest.param(
            metadata(), about(),
            "output scores float (N, 2); its metadata promises scores float (N, 2), "
            "novelty float (N)",
            id="metadata with it",
        ),
    ],
)  # fmt: skip
def test_metadata_that_does_not_say_what_the_graph_gives_is_refused(
    tmp_path: Path, made: ModelMetadata, promised: ModelMetadata, expected: str
) -> None:
    path = motion_model(tmp_path / "m.onnx", made)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA_KEY: promised.model_dump_json()})
    onnx.save(model, path)

    with pytest.raises(ModelError) as caught:
        OnnxClassifier(path)
    assert str(caught.value) == f"{path}: {expected}"


def test_features_are_standardised_and_one_that_hardly_varies_gets_a_floor() -> None:
    features = np.array([[0, 5, 1], [2, 5, 3]], np.float32)

    mean, std = feature_statistics(features)

    assert mean.tolist() == [1, 5, 2]
    assert std == pytest.approx([1, (0.01 * 2 / 3) ** 0.5, 1])
    assert feature_statistics(np.ones((3, 2), np.float32))[1].tolist() == [1, 1]


def test_the_threshold_leaves_one_held_out_window_in_a_hundred_above_it() -> None:
    parts = [np.arange(100, dtype=np.float32), np.arange(100, 200, dtype=np.float32)]

    unknown = fit_novelty_threshold(parts)

    assert unknown is not None
    assert unknown.threshold == pytest.approx(197.01)
    assert unknown.share == 0.01
    assert "99% quantile of novelty over 200 windows" in unknown.evaluation
    assert fit_novelty_threshold([parts[0], None]) is None


def test_known_and_unknown_windows_are_told_apart() -> None:
    known, unknown = np.array([1, 2, 3, 9], np.float32), np.array([3, 8, 9, 10], np.float32)

    told = open_set_result("other", known, unknown, threshold=8.5)

    assert told.auroc == pytest.approx((2.5 + 3 + 3.5 + 4) / 16)
    assert (told.known_share, told.unknown_share) == (0.25, 0.5)
    assert told.summary == (
        "Known against other: AUROC 0.812; called unknown are 25.0% of 4 known windows and "
        "50.0% of 4 others"
    )


def evaluated(tmp_path: Path, model: Path, data: Path, *others: Path) -> tuple[int, str]:
    folders = [part for other in others for part in ("--unknown", str(other))]
    result = CliRunner().invoke(
        app,
        [str(model), "--data", str(data), "--out", str(tmp_path / "out"),
         "--cache", str(tmp_path / "cache"), *folders],
    )  # fmt: skip
    return result.exit_code, result.stderr


@pytest.fixture
def clips(tmp_path: Path, fight_clip: Path, nofight_clip: Path) -> Path:
    """A folder of one real clip of each label."""
    for label, clip in (("moving", fight_clip), ("still", nofight_clip)):
        (tmp_path / "clips" / label).mkdir(parents=True)
        (tmp_path / "clips" / label / "a.mp4").write_bytes(clip.read_bytes())
    return tmp_path / "clips"


def test_har_evaluate_says_how_well_others_are_told_from_what_is_known(
    tmp_path: Path, clips: Path, fight_clip: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dance = tmp_path / "others" / "dance"
    dance.mkdir(parents=True)
    (dance / "a.mp4").write_bytes(fight_clip.read_bytes())
    model = motion_model(tmp_path / "m.onnx", about())

    with caplog.at_level(logging.INFO):
        code, said = evaluated(tmp_path, model, clips, dance.parent, clips)

    assert code == 0, said
    assert "Known against others: AUROC" in caplog.text
    one, same = json.loads((tmp_path / "out" / "metrics.json").read_text())["unknown"]
    assert (one["folder"], same["folder"]) == ("others", "clips")
    assert one["unknown"] < one["known"]
    assert same["auroc"] == 0.5
    assert same["unknown_share"] == same["known_share"] == 0
    assert "Known against others: AUROC" in (tmp_path / "out" / "report.html").read_text()


def test_a_model_without_novelty_tells_nothing_unknown(tmp_path: Path, clips: Path) -> None:
    model = motion_model(tmp_path / "m.onnx")

    code, said = evaluated(tmp_path, model, clips, clips)

    assert code == 1
    assert said == f"error: {model}: gives no novelty; train it again with har-train\n"


def test_unknown_goes_with_clips_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["m.onnx", "--stream", "--unknown", str(tmp_path)])

    assert result.exit_code == 2
    assert result.stderr == "error: --unknown goes with neither --stream nor --tune\n"
