"""Real files of every strange kind: watched, or refused in a line; never a crash, never silence."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.config.options import MonitorOptions
from monitor.errors import SourceOpenError
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Prediction, Skipped
from monitor.sources.file import read_frames
from testkit.fakes import RecordingSink
from testkit.models import metadata, motion_model

Make = Callable[[Path, Path], None]  # from the fight clip, at a path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    about = metadata(frames=5)
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "m.onnx", about))


def ffmpeg(*words: str) -> Make:
    """A maker of a file out of the clip, by these options of FFmpeg."""

    def make(clip: Path, path: Path) -> None:
        command = ["ffmpeg", "-v", "error", "-i", str(clip), "-an", *words, "-y", str(path)]
        subprocess.run(command, check=True)

    return make


def generated(size: str, seconds: float, *words: str) -> Make:
    """A maker of a test picture in which something moves."""

    def make(clip: Path, path: Path) -> None:
        source = f"testsrc=size={size}:rate=10:duration={seconds:g}"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *words, "-y", str(path)]
        subprocess.run(command, check=True)

    return make


def two_sizes(clip: Path, path: Path) -> None:
    """A transport stream in which the camera's size is changed, as it may be in a recording."""
    parts = [path.with_name(f"{width}.ts") for width in (320, 240)]
    for part, width, start_s in zip(parts, (320, 240), ("0", "4.8"), strict=True):
        codec = ("-c:v", "libx264", "-preset", "ultrafast", "-output_ts_offset", start_s)
        ffmpeg("-vf", f"scale={width}:-2", *codec)(clip, part)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))


def lying_header(clip: Path, path: Path) -> None:
    """An mp4 whose header says ten hours and a hundred times the size."""
    ffmpeg("-c", "copy", "-movflags", "+faststart")(clip, path)
    data = bytearray(path.read_bytes())
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(box)
        offset = {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20}[box]
        struct.pack_into(">I", data, at + offset, 0x7FFFFFFF)
    at = data.index(b"tkhd")
    struct.pack_into(">II", data, at + 80, 48000 << 16, 36000 << 16)
    path.write_bytes(data)


WATCHED: dict[str, tuple[str, Make]] = {
    "variable rate": ("a.mp4", ffmpeg("-vf", "select='lt(mod(n,7),5)'", "-fps_mode", "vfr")),
    "ten bits": ("a.mkv", ffmpeg("-pix_fmt", "yuv420p10le", "-c:v", "libx264")),
    "4:2:2": ("a.mkv", ffmpeg("-pix_fmt", "yuv422p", "-c:v", "libx264")),
    "interlaced": ("a.ts", ffmpeg("-flags", "+ildct+ilme", "-c:v", "mpeg2video", "-b:v", "2M")),
    "lossless RGB": ("a.mkv", ffmpeg("-vf", "scale=160:-1", "-pix_fmt", "gbrp", "-c:v", "ffv1")),
    "grey": ("a.mkv", ffmpeg("-vf", "scale=160:-1", "-pix_fmt", "gray", "-c:v", "ffv1")),
    "animated GIF": ("a.gif", ffmpeg("-vf", "fps=10,scale=160:-1")),
    "still pictures": ("a.avi", ffmpeg("-c:v", "mjpeg", "-q:v", "5")),
    "wide": ("a.mp4", ffmpeg("-vf", "scale=640:32")),
    "one pixel": ("a.mkv", generated("1x1", 3, "-c:v", "ffv1", "-pix_fmt", "gray")),
    "8K": ("a.mkv", generated("160x90", 0.6, "-vf", "scale=7680:4320", "-c:v", "mjpeg")),
    "two sizes": ("a.ts", two_sizes),
    "lying header": ("a.mp4", lying_header),
    "no timestamps": ("a.h264", ffmpeg("-c:v", "libx264", "-preset", "ultrafast")),
    "fragments": ("a.mp4", ffmpeg("-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), WATCHED.values(), ids=WATCHED)
def test_a_strange_file_is_watched(
    name: str, make: Make, classifier: OnnxClassifier, fight_clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(fight_clip, path)
    told: list[Prediction | Skipped] = []
    options = MonitorOptions.model_validate({"cameras": [{"name": "a", "source": str(path)}]})
    monitor = Monitor(options, classifier, [RecordingSink()], on_window=told.append)
    monitor.run()
    (camera,) = monitor.cameras
    assert camera.state == "ended"
    assert camera.windows + camera.dropped.total() > 0
    assert told[-1].end_s < 12, "nobody believes what a header says of the time"


def test_no_window_spans_a_change_of_size(
    classifier: OnnxClassifier,
    fight_clip: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    two_sizes(fight_clip, path := tmp_path / "a.ts")
    times = [time_s for time_s, _ in read_frames(path)]
    sizes = [picture.width for _, picture in read_frames(path)]
    changed_s = times[sizes.index(240)]
    told: list[Prediction | Skipped] = []
    options = MonitorOptions.model_validate({"cameras": [{"name": "a", "source": str(path)}]})
    Monitor(options, classifier, [RecordingSink()], on_window=told.append).run()
    spans = [(one.start_s, one.end_s) for one in told if isinstance(one, Prediction)]
    assert any(end_s < changed_s for _, end_s in spans)
    assert any(start_s >= changed_s for start_s, _ in spans)
    assert not any(start_s < changed_s <= end_s for start_s, end_s in spans)
    assert "its pictures are 240x180 now, and were 320x240: windows start afresh" in caplog.text


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_film_of_a_telephone_held_sideways_is_turned(
    nofight_clip: Path, tmp_path: Path, degrees: int
) -> None:
    path, first = tmp_path / "a.mp4", tmp_path / "first.png"
    ffmpeg("-c", "copy", "-metadata:s:v", f"rotate={degrees}")(nofight_clip, path)
    ffmpeg("-frames:v", "1")(path, first)  # FFmpeg's own command turns it, too
    with av.open(str(first)) as container:
        expected = next(container.decode(video=0)).to_ndarray(format="rgb24")
    seen = next(read_frames(path))[1].to_ndarray(format="rgb24")
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 1


def test_a_file_that_is_cut_off_while_it_is_read_is_watched_as_far_as_it_goes(
    classifier: OnnxClassifier, fight_clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg("-c", "copy", "-movflags", "+faststart")(fight_clip, path)
    size = path.stat().st_size
    options = MonitorOptions.model_validate({"cameras": [{"name": "a", "source": str(path)}]})
    cut_off = False

    def cut(told: Prediction | Skipped) -> None:
        nonlocal cut_off
        if not cut_off:
            cut_off = True
            with path.open("r+b") as file:
                file.truncate(size // 2)

    monitor = Monitor(options, classifier, [RecordingSink()], on_window=cut)
    monitor.run()
    assert monitor.cameras[0].state == "ended"
    assert "its header says" in caplog.text


def test_an_empty_device_is_refused_in_a_line(classifier: OnnxClassifier) -> None:
    options = MonitorOptions.model_validate({"cameras": [{"name": "a", "source": "/dev/null"}]})
    monitor = Monitor(options, classifier, [RecordingSink()])
    with pytest.raises(SourceOpenError) as caught:
        monitor.run()
    assert "\n" not in str(caught.value)
