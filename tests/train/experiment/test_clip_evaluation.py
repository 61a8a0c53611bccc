import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import Data, ModelMetadata
from testkit.media import twin
from testkit.models import metadata, motion_model
from train.cli.evaluate import app
from train.data.clips import Clip
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.windows import sample_windows
from train.evaluate.overlap import find_overlap
from train.evaluate.scoring import load_scorer, score_clips
from train.experiment.clip_evaluation import evaluate_clips

LABELS = ("fight", "nofight")
QUIET = Console(quiet=True)


@pytest.fixture
def data(tmp_path: Path, fight_clip: Path, nofight_clip: Path) -> Path:
    """Two real clips of each label, every one a group of its own, in two folds."""
    folder = tmp_path / "data"
    rows = ["path,label,group,fold"]
    for label, clip in (("fight", fight_clip), ("nofight", nofight_clip)):
        (folder / label).mkdir(parents=True)
        for fold, name in enumerate(("a", "b")):
            film = folder / label / f"{name}.mp4"
            if fold:  # a copy would count as one group with it, in one fold
                twin(clip, film)
            else:
                film.write_bytes(clip.read_bytes())
            rows.append(f"{label}/{name}.mp4,{label},{label}-{name},{fold}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def decoded_clips(data: Path, cache: Path) -> DecodedClips:
    return decode_clips(find_clips(data), metadata().clip, "time", cache, QUIET)


def about(sha256: str = "0" * 64, name: str = "elsewhere", clips: int = 2) -> ModelMetadata:
    """The metadata of a fight model that was fitted on the clips with this hash."""
    return metadata(
        labels=LABELS,
        background=("nofight",),
        thresholds={"fight": 0.5},
        data=Data(name=name, sha256=sha256, clips=clips, groups=2),
    )


def content(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "metrics.json").read_text())
    return found


def test_a_clips_score_is_the_mean_over_the_windows_that_the_monitor_cuts(
    decoded_clips: DecodedClips, tmp_path: Path
) -> None:
    model = OnnxClassifier(motion_model(tmp_path / "m.onnx", about()))

    scored = score_clips(
        model.predict,
        decoded_clips,
        decoded_clips.clips,
        LABELS,
        about().clip,
        sampling="time",
        stride=5,
    )

    for clip, scores in zip(decoded_clips.clips, scored.scores, strict=True):
        windows = sample_windows(decoded_clips.load(clip), about().clip, "time", 5)
        assert len(windows) > 1
        assert scores == pytest.approx(model.predict(windows).mean(axis=0), abs=1e-6)
    assert scored.truth.tolist() == [0, 0, 1, 1]
    assert scored.previews.shape == (4, 4, 64, 64, 3)
    assert scored.groups == ("fight-a", "fight-b", "nofight-a", "nofight-b")


@pytest.mark.parametrize(
    ("fitted_on", "tested", "expected"),
    [
        pytest.param(slice(None), slice(None), "fitted", id="all-on-all"),
        pytest.param(slice(None), slice(0, 4, 2), "fitted", id="all-on-a-fold"),
        pytest.param(slice(0, 4, 2), slice(0, 4, 2), "fitted", id="a-fold-on-itself"),
        pytest.param(slice(1, 4, 2), slice(0, 4, 2), "grouped", id="the-rest-on-a-fold"),
        pytest.param(slice(0, 1), slice(None), "unknown", id="other-clips"),
    ],
)
def test_the_hash_in_the_metadata_reveals_training_clips(
    decoded_clips: DecodedClips, fitted_on: slice, tested: slice, expected: str
) -> None:
    clips: Sequence[Clip] = decoded_clips.clips
    made_from = about(decoded_clips.sha256(clips[fitted_on]))

    assert find_overlap(made_from, "data", decoded_clips, clips[tested]) == expected


@pytest.mark.parametrize(
    ("fitted", "expected"),
    [
        pytest.param(3, "overlapping", id="more-than-the-others"),
        pytest.param(2, "related", id="as-many-as-the-others"),
    ],
)
def test_other_clips_of_a_dataset_with_the_same_name_may_be_training_clips(
    decoded_clips: DecodedClips, fitted: int, expected: str
) -> None:
    metadata = about(name="data", clips=fitted)

    assert find_overlap(metadata, "data", decoded_clips, decoded_clips.clips[:2]) == expected


def test_one_of_several_data_sets_that_were_trained_on_is_recognised(
    decoded_clips: DecodedClips,
) -> None:
    metadata = about(name="street+data", clips=100)

    assert find_overlap(metadata, "data", decoded_clips, decoded_clips.clips[:2]) == "related"
    assert find_overlap(metadata, "dat", decoded_clips, decoded_clips.clips[:2]) == "unknown"


def test_the_report_warns_of_training_data(
    data: Path, cache: Path, decoded_clips: DecodedClips, tmp_path: Path
) -> None:
    made_from = about(decoded_clips.sha256(decoded_clips.clips))
    model = motion_model(tmp_path / "m.onnx", made_from)

    evaluate_clips(model, data, tmp_path / "out", None, cache, QUIET)

    assert content(tmp_path / "out")["warning"] == "This is training data, not a test"
    assert "This is training data, not a test" in (tmp_path / "out" / "report.html").read_text()


def test_one_fold_is_tested_alone(data: Path, cache: Path, tmp_path: Path) -> None:
    model = motion_model(tmp_path / "m.onnx", about())

    evaluate_clips(model, data, tmp_path / "out", 1, cache, QUIET)

    clips = content(tmp_path / "out")["clips"]
    assert isinstance(clips, list)
    assert [clip["path"] for clip in clips] == ["fight/b.mp4", "nofight/b.mp4"]


def test_clips_of_unknown_labels_are_left_out_with_a_note(
    data: Path, fight_clip: Path, cache: Path, tmp_path: Path
) -> None:
    (data / "dance").mkdir()
    (data / "dance" / "a.mp4").write_bytes(fight_clip.read_bytes() + b"\0\0")
    with (data / "clips.csv").open("a") as table:
        table.write("dance/a.mp4,dance,dance-a,0\n")
    model = motion_model(tmp_path / "m.onnx", about())

    evaluate_clips(model, data, tmp_path / "out", 0, cache, QUIET)

    found = content(tmp_path / "out")
    assert found["title"] == "motion on fold 0 of data"
    assert isinstance(found["notes"], list)
    assert "1 clips of labels that the model does not know: dance." in found["notes"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(
            ["motion.onnx"],
            1,
            "the model's labels are moving, still; the data's are fight, nofight: "
            "a model can be tested on its own labels only",
            id="other-labels",
        ),
        pytest.param(
            ["fight.onnx", "--fold", "7"], 2, "fold 7: folds here: 0, 1", id="no-such-fold"
        ),
        pytest.param(["gone.onnx"], 1, "gone.onnx: no such file or directory", id="no-such-model"),
        pytest.param(["a.txt"], 2, "a.txt: a model is a .keras or .onnx file", id="no-model"),
    ],
)
def test_a_model_or_data_that_cannot_be_tested_is_a_one_line_error(
    data: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    motion_model(Path("motion.onnx"))
    motion_model(Path("fight.onnx"), about())

    result = CliRunner().invoke(
        app, [*arguments, "--data", str(data), "--out", "out", "--cache", str(cache)]
    )

    assert result.exit_code == code
    assert result.stderr.splitlines()[-1] == f"error: {says}"
    assert not Path("out").exists()


def test_scores_that_do_not_sum_to_one_are_refused_and_not_normalised(
    decoded_clips: DecodedClips,
) -> None:
    with pytest.raises(ValueError, match="sums to 1"):
        score_clips(
            lambda windows: np.ones((len(windows), 2), np.float32),
            decoded_clips,
            decoded_clips.clips,
            LABELS,
            about().clip,
            sampling="time",
            stride=5,
        )


@pytest.mark.slow
def test_an_onnx_model_is_tested_without_importing_tensorflow(
    data: Path, cache: Path, tmp_path: Path
) -> None:
    model = motion_model(tmp_path / "m.onnx", about())
    program = (
        "import sys\n"
        "from train.cli.evaluate import app\n"
        "assert not {'onnxruntime', 'jinja2', 'numpy'} & set(sys.modules), 'slow --help'\n"
        "try:\n    app()\n"
        "finally:\n"
        "    assert not {'tensorflow', 'keras', 'tf2onnx', 'cv2'} & set(sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(model), "--data", str(data),
         "--out", str(tmp_path / "out"), "--cache", str(cache)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "4 clips; report in" in done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_model_is_loaded_with_its_metadata(tmp_path: Path) -> None:
    scorer = load_scorer(motion_model(tmp_path / "m.onnx", about()))

    assert scorer.metadata == about()
    assert scorer.predict(np.zeros((2, 20, 64, 64, 3), np.uint8)).shape == (2, 2)
