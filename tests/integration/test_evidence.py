"""har-monitor keeps a clip of each activity, if its configuration says so."""

import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.config.outputs import EvidenceOptions
from monitor.evidence.encoder import KEY_S
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.sources.address import Address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.sources.webcam import WebcamSource
from testkit.fakes import PacedDevice, RecordingSink, wait_until
from testkit.films import looped
from testkit.media import number_of, numbered
from testkit.models import metadata, motion_model
from testkit.process import har_monitor
from testkit.servers.mjpeg import http_camera, jpegs
from testkit.servers.rtsp import rtsp_server
from testkit.watching import Running, configured


@pytest.mark.slow
def test_a_camera_and_a_film_leave_a_clip_of_each_activity(
    fight_clip: Path, tmp_path: Path
) -> None:
    film = looped(
        tmp_path / "f.mp4", fight_clip, 8, "fps=25,scale=320:240", "libx264", "-g", "25", "-bf", "0"
    )
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    sinks = [{"type": "log"}, {"type": "evidence", "folder": "kept", "post_roll_s": 1}]
    with rtsp_server(film) as server:
        cameras = {"door": server.url, "film": str(fight_clip)}
        with har_monitor(cameras, model, folder=tmp_path, sinks=sinks) as process:
            process.wait_for(
                "both alert",
                lambda: (
                    {one["camera"] for one in process.alerts} == {"door", "film"}
                    and process.health.get("door", {}).get("frames", 0) > 150
                ),
            )
            assert process.end(signal.SIGTERM) == 0
            assert "Traceback" not in process.said
    ids = {one["id"]: one for one in process.alerts if one["event"] == "end"}
    clips = {path.stem: path for path in (tmp_path / "kept").glob("*/*/*.mp4")}
    assert set(clips) == set(ids)
    for name, path in clips.items():
        assert path.parent.name == ids[name]["camera"]
        with av.open(str(path)) as container:
            seconds = len(list(container.decode(video=0))) / 25
        act_s = ids[name]["end_s"] - ids[name]["start_s"]
        assert seconds >= act_s - 0.5, "the whole act"


FPS, ACT, SECONDS = 10, (6.0, 9.0), 14.0  # of a film: when something happens in it
SIZE, STRIP = (640, 480), 8  # pixels; the number of a picture is in so many rows at its top
ROLL_S = 2.0


def acting(number: int) -> NDArray[np.uint8]:
    """A grey picture with its number, which flickers while something happens."""
    flickers = ACT[0] <= number / FPS < ACT[1] and number % 2
    picture = np.full(SIZE[::-1], 170 if flickers else 90, np.uint8)
    picture[:, : SIZE[0] // 2] += 60
    picture[:STRIP] = numbered(number, SIZE)[:STRIP]
    return picture


def film_of_an_act(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p"
        for number in range(round(SECONDS * FPS)):
            frame = av.VideoFrame.from_ndarray(acting(number), "gray").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.slow
def test_webcams_and_mjpeg_leave_clips_that_browsers_play(tmp_path: Path) -> None:
    film = film_of_an_act(tmp_path / "film.mov")
    classifier = OnnxClassifier(motion_model(tmp_path / "m.onnx", metadata(frames=5)))
    rolls = {"pre_roll_s": ROLL_S, "post_roll_s": 1}
    options = EvidenceOptions.model_validate({"folder": tmp_path / "kept"} | rolls)
    evidence, told = EvidenceSink(options), RecordingSink()

    def make(address: Address, settings: SourceSettings) -> Source:
        if address.kind != "webcam":
            return make_source(address, settings)
        device = PacedDevice(film, FPS)
        return WebcamSource(address, lambda _: device, device.clock)

    with http_camera(jpegs(film), FPS) as http, rtsp_server(film, codec="mjpeg") as rtsp:
        watched = configured(("0", http.url(), rtsp.url))
        monitor = Monitor(watched, classifier, [evidence, told], make=make, tap=evidence.tap)
        with Running(monitor):
            wait_until(lambda: {one.camera for one in told.alerts if one.event == "end"} == {
                "camera-0", "camera-1", "camera-2",
            })  # fmt: skip
            clips = {
                one.camera: evidence.files(one).clip for one in told.alerts if one.event == "start"
            }
            wait_until(
                lambda: all(_seconds(path) >= ACT[1] - ACT[0] + ROLL_S for path in clips.values())
            )

    for camera, path in clips.items():
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
            frames = list(container.decode(video))
        times = np.array([float(frame.pts * frame.time_base) for frame in frames])
        pictures = [frame.to_ndarray(format="gray") for frame in frames]
        numbers = [number_of(picture[:STRIP, :, np.newaxis]) for picture in pictures]
        assert times[0] == 0, camera
        assert (np.diff(times) > 0).all(), camera
        assert numbers == sorted(set(numbers)), f"{camera}: each picture once, in order"
        assert numbers[0] / FPS <= ACT[0] - ROLL_S + 0.6, f"{camera}: begins before the act"
        assert numbers[0] / FPS >= ACT[0] - ROLL_S - KEY_S - 1.0, f"{camera}: at a key frame"
        assert numbers[-1] / FPS >= ACT[1], f"{camera}: the whole act"
        aside = np.abs(times - times[0] - (np.array(numbers) - numbers[0]) / FPS)
        assert np.median(aside) < 0.3, f"{camera}: at its own speed"
        for picture, number in zip(pictures, numbers, strict=True):
            assert np.abs(picture.astype(int) - acting(number)).mean() < 8, camera
        assert path.with_suffix(".jpg").exists(), camera


def _seconds(path: Path) -> float:
    """How long a clip is by now."""
    try:
        with av.open(str(path)) as container:
            return len(list(container.demux(video=0))) / FPS
    except (OSError, av.FFmpegError):
        return 0.0
