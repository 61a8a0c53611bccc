import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from export import fused_route
from export.cli import app
from export.export import ExportResult, export_model
from export.keras_file import load_model, save_model
from export.options import OPSETS, Engine
from export.tf2onnx_route import convert
from export.verify import compare, real_clips, synthetic_clips, verify
from monitor.errors import ConfigError, ModelError, MonitorError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import METADATA_KEY, ModelMetadata, parse_metadata
from monitor.windows.clip import ClipSpec
from testkit.models import metadata
from testkit.trained import SMALL, random_clips, trained_like
from train.networks.architectures import NETWORKS


@dataclass(frozen=True)
class Exported:
    """A network, its two files and what was said of the second."""

    network: keras.Model
    about: ModelMetadata
    keras_path: Path
    onnx_path: Path
    summary: ExportResult

    @property
    def batch(self) -> str:
        """How many clips a file of its engine says that it takes."""
        return "1" if self.summary.engine is Engine.FUSED else "N"


def _about(name: str, spec: ClipSpec = SMALL) -> ModelMetadata:
    return metadata(network=name, frames=spec.frames, size=spec.size, fps=spec.fps)


def _save(name: str, folder: Path, spec: ClipSpec = SMALL) -> Path:
    path = folder / f"{name}.keras"
    save_model(trained_like(name, spec), _about(name, spec), path)
    return path


@pytest.fixture(
    scope="module",
    params=[(name, engine) for engine in Engine for name in NETWORKS],
    ids=lambda param: " by ".join(param),
)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    name, engine = request.param
    path = _save(name, folder)
    target = folder / "model.onnx"
    summary = export_model(path, target, engine=engine)
    return Exported(*load_model(path), path, target, summary)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save("r2plus1d", tmp_path_factory.mktemp("saved"))


def _command(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of har-export, run in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_exported_scores_are_those_of_keras(exported: Exported, batch: int) -> None:
    clips = random_clips(batch)

    scores = OnnxClassifier(exported.onnx_path).predict(clips)

    assert np.abs(scores - exported.network(clips, training=False)).max() <= 1e-5


def test_an_exported_file_describes_and_holds_itself(exported: Exported) -> None:
    proto = onnx.load(exported.onnx_path, load_external_data=False)

    written = {entry.key: entry.value for entry in proto.metadata_props}
    assert parse_metadata(written[METADATA_KEY], exported.onnx_path) == exported.about
    assert [_port(value) for value in proto.graph.input] == [
        f"clip uint8 {exported.batch},6,64,64,3"
    ]
    assert [_port(value) for value in proto.graph.output] == [f"scores float {exported.batch},2"]
    stored = {weight.data_location for weight in proto.graph.initializer}
    assert stored == {onnx.TensorProto.DEFAULT}


def _port(value: onnx.ValueInfoProto) -> str:
    tensor = value.type.tensor_type
    sides = ",".join(side.dim_param or str(side.dim_value) for side in tensor.shape.dim)
    return f"{value.name} {onnx.TensorProto.DataType.Name(tensor.elem_type).lower()} {sides}"


def test_an_export_leaves_one_file_and_says_what_it_measured(exported: Exported) -> None:
    summary = exported.summary

    assert {path.suffix for path in exported.onnx_path.parent.iterdir()} == {".keras", ".onnx"}
    assert len(list(exported.onnx_path.parent.iterdir())) == 2
    assert summary.size_kib == exported.onnx_path.stat().st_size / 1024
    assert summary.opset == 17
    assert summary.not_fused is None
    assert summary.difference <= 1e-5
    assert summary.window_ms > 0


def test_keras_and_onnx_agree_on_real_clips(
    exported: Exported, fight_clip: Path, nofight_clip: Path
) -> None:
    clips = np.concatenate([real_clips(SMALL, video) for video in (fight_clip, nofight_clip)])
    assert len(clips) >= 3
    expected = np.asarray(exported.network(clips, training=False))
    compare(expected, OnnxClassifier(exported.onnx_path).predict(clips), len(clips))


def test_keras_and_onnx_agree_on_the_surveillance_clips(shared_data: Path, saved: Path) -> None:
    files = sorted((shared_data / "fight-surv").glob("*/*.mp4"))[::30]
    clips = np.concatenate([real_clips(SMALL, file) for file in files])
    assert len(clips) >= 10
    network, _ = load_model(saved)
    target = saved.with_suffix(".onnx")
    export_model(saved, target)
    expected = np.asarray(network(clips, training=False))
    compare(expected, OnnxClassifier(target).predict(clips), len(clips))


@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_the_oldest_and_the_newest_opset_work(opset: int, saved: Path, tmp_path: Path) -> None:
    summary = export_model(saved, tmp_path / "model.onnx", opset)

    (used,) = (
        entry.version
        for entry in onnx.load(tmp_path / "model.onnx").opset_import
        if entry.domain == ""
    )
    assert summary.opset == used == opset


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_is_exported_by_the_fused_engine_where_none_is_named(
    network: str, tmp_path: Path
) -> None:
    summary = export_model(_save(network, tmp_path), tmp_path / "model.onnx")

    assert (summary.engine, summary.not_fused) == (Engine.FUSED, None)


@pytest.mark.parametrize("opset", [14, 19])
def test_other_opsets_are_refused_as_a_usage_error(opset: int, saved: Path, tmp_path: Path) -> None:
    code, message = _command(saved, tmp_path / "model.onnx", "--opset", opset)

    assert (code, message) == (2, f"error: opset {opset}: allowed are 15 to 18\n")


def test_a_target_that_is_no_onnx_name_is_refused_before_it_can_hurt(saved: Path) -> None:
    before = saved.read_bytes()

    code, message = _command(saved, saved)

    assert code == 2
    assert message == f"error: {saved}: the name of the file to write must end with .onnx\n"
    assert saved.read_bytes() == before


@pytest.mark.parametrize("older", [None, b"older"], ids=["no file", "older file"])
def test_an_export_that_differs_leaves_what_was_there(
    older: bytes | None, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.onnx"
    if older is not None:
        target.write_bytes(older)

    to_onnx = fused_route.convert

    def convert_another(network: keras.Model, about: ModelMetadata, opset: int) -> onnx.ModelProto:
        network.set_weights([weight * 1.1 for weight in network.get_weights()])
        proto = to_onnx(network, about, opset)
        network.set_weights([weight / 1.1 for weight in network.get_weights()])
        return proto

    monkeypatch.setattr(fused_route, "convert", convert_another)
    with pytest.raises(
        ModelError, match=r"^the exported scores differ from Keras by up to \d"
    ) as e:
        export_model(saved, target)

    assert str(e.value).endswith("in batches of 1; allowed: 1e-05")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([older] if older else [])


def test_a_file_with_other_metadata_does_not_pass(saved: Path, tmp_path: Path) -> None:
    network, about = load_model(saved)
    target = tmp_path / "model.onnx"
    target.write_bytes(convert(network, about).SerializeToString())

    with pytest.raises(ModelError, match="carries other metadata than the network"):
        verify(target, network, about.model_copy(update={"fps": 12.0}))


def test_a_broken_file_does_not_pass(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"not a model")

    with pytest.raises(ModelError, match=r"^the exported file is not valid ONNX: "):
        verify(target, *load_model(saved))


@pytest.mark.parametrize(
    ("got", "message"),
    [
        pytest.param([[0.6, 0.4]], None, id="equal"),
        pytest.param([[0.600005, 0.399995]], None, id="within the tolerance"),
        pytest.param([[0.61, 0.39]], "differ from Keras by up to 1.0e-02", id="too far"),
        pytest.param([[np.nan, 0.4]], "differ from Keras by up to nan", id="not a number"),
    ],
)
def test_scores_count_as_equal_within_the_tolerance(
    got: list[list[float]], message: str | None
) -> None:
    expected = np.array([[0.6, 0.4]], np.float32)

    if message is None:
        assert compare(expected, np.array(got, np.float32), batch=1) <= 1e-5
    else:
        with pytest.raises(ModelError, match=message):
            compare(expected, np.array(got, np.float32), batch=1)


def test_labels_that_tie_may_change_places() -> None:
    expected = np.array([[0.500001, 0.499999]], np.float32)

    assert compare(expected, expected[:, ::-1], batch=1) <= 1e-5


def test_another_top_label_is_refused_even_within_the_tolerance() -> None:
    expected = np.array([[0.500007, 0.499993]], np.float32)
    got = np.array([[0.499999, 0.500001]], np.float32)

    with pytest.raises(ModelError, match="top label differs from Keras in batches of 1"):
        compare(expected, got, batch=1)


def test_the_synthetic_clips_are_noise_and_motion_that_never_change() -> None:
    clips = synthetic_clips(SMALL)

    assert clips.dtype == np.uint8
    assert clips.shape == (6, *SMALL.shape)
    np.testing.assert_array_equal(clips, synthetic_clips(SMALL))
    assert all(np.any(clip[1:] != clip[:-1]) for clip in clips[:5])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("nowhere/model.onnx", "there is no folder {folder}/nowhere", id="no folder"),
        pytest.param("file/model.onnx", "there is no folder {folder}/file", id="a file as folder"),
        pytest.param("folder.onnx", "it is a folder", id="a folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_one_clear_line(
    target: str, message: str, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.onnx").mkdir()

    code, line = _command(saved, tmp_path / target)

    assert code == 1
    assert line == f"error: cannot write {tmp_path / target}: {message.format(folder=tmp_path)}\n"


def test_a_full_disk_leaves_no_file(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MonitorError, match=r"cannot write .*model\.onnx: No space left on device"):
        export_model(saved, tmp_path / "model.onnx")

    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_is_one_clear_line(tmp_path: Path) -> None:
    code, line = _command(tmp_path / "model.keras", tmp_path / "model.onnx")

    assert (code, line) == (1, f"error: {tmp_path / 'model.keras'}: no such file\n")


def test_without_tensorflow_the_command_says_what_to_install(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)

    code, line = _command(saved, tmp_path / "model.onnx", "--engine", "tf2onnx")

    assert (code, line) == (
        1,
        "error: training needs tf2onnx: in har-monitor's folder, run make train-tools, or "
        "pip install '.[train]'\n",
    )


def test_a_network_tf2onnx_cannot_take_is_one_clear_line(saved: Path) -> None:
    network, about = load_model(saved)

    with pytest.raises(ModelError, match=r"^tf2onnx cannot convert this network: [^\n]+$"):
        convert(network, about.model_copy(update={"frames": 4}))


def test_an_opset_is_checked_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="opset 21: allowed are 15 to 18"):
        export_model(tmp_path / "missing.keras", tmp_path / "model.onnx", 21)


def test_the_command_prints_its_summary_and_nothing_else(tmp_path: Path) -> None:
    model = _save("r2plus1d", tmp_path, ClipSpec(frames=20, size=64, fps=10.0))
    target = tmp_path / "model.onnx"

    done = subprocess.run(
        [sys.executable, "-c", "from export.cli import app; app()", model, target],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    kib = target.stat().st_size / 1024
    assert line.startswith(f"{target}: {kib:.0f} KiB, opset 17, fused, ")
    assert kib < 600


def test_importing_the_command_loads_nothing_heavy() -> None:
    heavy = "{'keras', 'tensorflow', 'tf2onnx', 'onnx', 'onnxruntime'}"
    script = f"import sys, export.cli; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
