"""har-monitor keeps a clip of each activity, if its configuration says so."""

import signal
from pathlib import Path

import av
import pytest

from testkit.films import looped
from testkit.models import metadata, motion_model
from testkit.process import har_monitor
from testkit.servers.rtsp import rtsp_server


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
