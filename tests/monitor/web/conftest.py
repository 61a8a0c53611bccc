"""The page with a store, evidence on the disk, and a few events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame
from starlette.testclient import TestClient

from monitor.events.alert import AlertEvent
from monitor.evidence.folder import EvidenceFacts, StripFacts, event_files
from monitor.evidence.pictures import jpeg
from monitor.states import EndReason
from monitor.store.journal import Journal, journal_path
from monitor.store.store import EventStore
from monitor.web.app import make_app
from monitor.web.live import LiveState
from monitor.web.settings import CameraSettings, RegionSettings, WebSettings
from monitor.web.state import WebState
from testkit.alerts import alert
from testkit.media import make_video

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
STRANGE = "<script>alert(1)</script> & 'Männer'"  # what anybody may write


def ended(name: str, hour: float, **changes: object) -> tuple[AlertEvent, AlertEvent]:
    """The start and the end of an activity."""
    at = BEGAN + timedelta(hours=hour)
    start = alert(name, **({"time": at, "start_time": at, "peak_s": 4.0} | changes))
    end = {
        "event": "end", "end_s": 9.0, "end_time": at + timedelta(seconds=8), "peak_score": 0.97,
        "reason": EndReason.SCORE_FELL, "threshold": 0.8, "box": (0.25, 0.5, 0.75, 1.0),
        "trace": ((-1.0, 0.2), (0.0, 0.85), (3.0, 0.97), (8.0, 0.1)),
    }  # fmt: skip
    return start, start.model_copy(update=end)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebState]:
    """Two cameras, four events: one goes on, one has evidence."""
    settings = WebSettings(
        host="127.0.0.1",
        port=8470,
        hosts=("har.example",),
        store=str(tmp_path / "events.sqlite"),
        log=tmp_path / "alerts.jsonl",
        evidence=tmp_path / "evidence",
        cameras=(
            CameraSettings(name="door", source="rtsp://***@door/", live=True, regions=()),
            CameraSettings(
                name="yard",
                source="yard.mp4",
                live=False,
                regions=(
                    RegionSettings(
                        name="gate",
                        corners=((0.1, 0.2), (0.5, 0.2), (0.5, 0.8)),
                        bounds=(0.1, 0.2, 0.5, 0.8),
                    ),
                ),
            ),
        ),
        models=(("model", "fights 0.1.0"), ("alerts", "fight from 0.8")),
        configuration="cameras: []\n",
        since=BEGAN,
    )
    store = EventStore(settings.store)
    store.record(*ended("a", 0), *ended("b", 1, camera="yard", region="gate", label="fall"))
    store.record(*ended("c", 2, peak_score=0.9), alert("d", time=BEGAN + timedelta(hours=3)))
    files = event_files(settings.evidence, "door", "a", BEGAN)
    files.stem.parent.mkdir(parents=True)
    picture = VideoFrame.from_ndarray(np.full((96, 160, 3), 90, np.uint8), "rgb24")
    for path in (files.snapshot, files.thumbnail, files.strip):
        path.write_bytes(jpeg(picture))
    make_video(files.clip, duration_s=4)
    strip = StripFacts(start_s=2.1, end_s=4.0, pictures=20, columns=10, rows=2)
    files.save(EvidenceFacts(width=160, height=96, snapshot_s=3.0, clip_begin_s=0.0, strip=strip))
    state = WebState(settings, store, Journal(journal_path(settings.log)), LiveState())
    yield state
    store.close()
    state.journal.close()


@pytest.fixture
def client(web: WebState) -> Iterator[TestClient]:
    """A browser at this machine."""
    with TestClient(make_app(web), base_url="http://127.0.0.1:8470") as opened:
        yield opened
