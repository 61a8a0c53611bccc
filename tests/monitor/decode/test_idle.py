"""Decoding key frames alone while nothing moves, and everything as if it had never been idle."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av import Packet, VideoFrame

from benchmarks.idle.films import FPS, Encoding, Laid, activity, corridor, encode, film, images
from monitor.config.options import MonitorOptions
from monitor.decode import idle
from monitor.decode.decoder import DecodedFrame, FullDecoder
from monitor.decode.idle import TELL_S, IdleDecoder
from monitor.decode.make import make_decoder
from monitor.decode.options import Decoding
from monitor.decode.packet_sizes import PacketSizes
from monitor.decode.scheduled import ScheduledDecoder
from monitor.decode.scheduler import LATE_S, DecodeScheduler
from monitor.decode.stillness import LOOK_S, MOVED, Stillness, cells, moved
from monitor.errors import SourceLostError
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Frame, NoFrameYet, Prediction, Skipped
from monitor.sources import stream
from monitor.sources.address import parse_address
from monitor.sources.file import FileSource
from monitor.sources.source import SourceSettings
from monitor.sources.stream import StreamSource
from monitor.states import SkipReason
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import ClipSpec, scale_frame
from testkit.fakes import FakeSource, RecordingSink, picture
from testkit.media import make_video
from testkit.models import metadata, motion_model

SPEC = ClipSpec(frames=20, size=32, fps=10)
STRIDE = 5
FULL = Decoding(loop_filter=False)
IDLE = replace(FULL, idle_max_delay_s=2.5, context_s=SPEC.span_s)
AFTER_S = 4.0  # whatever the real one is: the films are made for it
SIZE = (320, 180)
ACT_S = (8.3, 10.3)  # when something moves
FILM_S = 11.6
FRAME_S = 1 / FPS

CAMERAS = {
    "H.264": Encoding(),
    "H.264 at a constant rate": Encoding(kbps=400),
    "H.264 with B frames": Encoding(b_frames=3),
    "H.264 with open groups": Encoding(b_frames=3, open_groups=True),
    "H.264 with groups of a second": Encoding(group=25),
    "H.265 with open groups": Encoding("hevc", b_frames=3, open_groups=True),
}

Alter = Callable[[int, "Packet[Any]"], "Packet[Any] | None"]  # None: the packet is lost


class StreamClock:
    """Goes as fast as a stream is read."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Watched:
    """What a decoder made of a stream."""

    moments: list[tuple[float, bool]] = field(default_factory=list)  # time, whether decoded
    windows: dict[float, tuple[float, bytes]] = field(default_factory=dict)  # by end: start, clip
    late: dict[float, float] = field(default_factory=dict)  # pictures: seconds behind the stream
    damaged: int = 0

    @property
    def pictures(self) -> list[float]:
        return [time_s for time_s, decoded in self.moments if decoded]

    @property
    def passed(self) -> list[float]:
        return [time_s for time_s, decoded in self.moments if not decoded]

    @property
    def times(self) -> list[float]:
        return [time_s for time_s, _ in self.moments]


def watch(path: Path, decoding: Decoding, alter: Alter = lambda index, packet: packet) -> Watched:
    """Decode a file, its packets changed, and cut it into windows."""
    seen = Watched()
    buffer = WindowBuffer("a", SPEC, STRIDE)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = make_decoder(video, decoding)

        def taken() -> Iterator[tuple[float, Any]]:
            newest_s = 0.0
            for index, whole in enumerate(container.demux(video)):
                packet = alter(index, whole) if whole.size else whole
                if packet is None:
                    continue
                if packet.pts is not None:
                    newest_s = float(packet.pts * video.time_base)
                yield from ((newest_s, decoded) for decoded in decoder.decode(packet))
            yield from ((newest_s, decoded) for decoded in decoder.finish())

        for newest_s, decoded in taken():
            if decoded is None or decoded.pts_s is None:
                continue
            time_s = round(decoded.pts_s, 4)
            seen.moments.append((time_s, decoded.picture is not None))
            if decoded.picture is None:
                buffer.skip(time_s)
                continue
            seen.late[time_s] = newest_s - time_s
            frame = decoded.picture
            window = buffer.push(time_s, lambda frame=frame: scale_frame(frame, SPEC.size))
            if window is not None:
                seen.windows[window.end_s] = (window.start_s, window.clip.tobytes())
        seen.damaged = decoder.damaged
    return seen


def around(windows: dict[float, tuple[float, bytes]], start_s: float, end_s: float) -> list[float]:
    """Ends of the windows that show a moment between two times, or half a second after them."""
    return [
        window_end_s
        for window_end_s, (window_start_s, _) in windows.items()
        if window_end_s >= start_s and window_start_s <= end_s + 0.5
    ]


def assert_nothing_is_lost(
    full: Watched, found: Watched, acts: Sequence[tuple[float, float]]
) -> None:
    """Every moment is told once and in order, and no window of an act is missing or different."""
    assert found.times == full.times
    wanted = [end_s for act in acts for end_s in around(full.windows, *act)]
    assert wanted or not acts
    assert [end_s for end_s in wanted if end_s not in found.windows] == []
    for end_s, window in found.windows.items():
        assert window == full.windows[end_s], f"the window that ends at {end_s}"


@pytest.fixture(autouse=True)
def _rests_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "AFTER_S", AFTER_S)
    monkeypatch.setattr(idle, "SOONER_S", AFTER_S)


@pytest.fixture(scope="session")
def films(shared_data: Path, fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def filmed(shared_data: Path, fight_clip: Path, films: Path) -> Callable[..., Path]:
    """Gives a film of a real fight in a corridor, encoded as a camera does."""
    scene = corridor(shared_data, SIZE)
    start_s, end_s = ACT_S
    fight = activity(fight_clip, (96, 72), end_s - start_s)
    laid = Laid(fight, [(round(start_s * FPS), len(fight))], left=150, top=70)

    def make(how: Encoding, seconds: float = FILM_S) -> Path:
        return encode(films / "film.mp4", film(scene, [laid], seconds), how)

    return make


@pytest.fixture(scope="session")
def quiet(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Gives a film in which nothing moves: one real picture with noise; 160x120."""
    scene = images(fight_clip, (160, 120), range(1))
    folder = tmp_path_factory.mktemp("quiet")

    def make(seconds: float, how: Encoding) -> Path:
        path = folder / f"{seconds}-{abs(hash(how))}.mp4"
        return path if path.exists() else encode(path, film(scene, [], seconds), how)

    return make


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, id=name, marks=[pytest.mark.slow] if name != "H.264" else [])
        for name, how in CAMERAS.items()
    ],
)
def test_windows_of_a_movement_are_the_same_and_at_most_a_group_late(
    how: Encoding, filmed: Callable[..., Path]
) -> None:
    path = filmed(how)
    full, found = watch(path, FULL), watch(path, IDLE)
    assert_nothing_is_lost(full, found, [ACT_S])
    assert not full.passed
    first_s = AFTER_S + how.group / FPS
    assert (
        len([time_s for time_s in found.passed if time_s < ACT_S[0]])
        >= (ACT_S[0] - first_s - SPEC.span_s - how.group / FPS) * FPS
    )
    reorder_s = (how.b_frames + 2) * FRAME_S if how.b_frames else FRAME_S
    late_s = max(late_s for time_s, late_s in found.late.items() if ACT_S[0] < time_s < ACT_S[1])
    assert late_s <= how.group / FPS + reorder_s
    assert found.pictures[-1] == full.pictures[-1], "the kept packets are decoded at the end"
    assert found.damaged == 0


def test_while_somebody_looks_every_frame_is_decoded(quiet: Callable[..., Path]) -> None:
    looked_at = False

    def look(index: int, packet: Packet[Any]) -> Packet[Any]:
        nonlocal looked_at
        looked_at = 10 * FPS <= index < 20 * FPS
        return packet

    path = quiet(32, Encoding(group=25))
    found = watch(path, replace(IDLE, looked_at=lambda: looked_at), look)
    assert found.times == watch(path, FULL).times
    assert [time_s for time_s in found.passed if 10 <= time_s < 20] == []
    assert any(time_s < 8 for time_s in found.passed), "nobody looks yet"
    assert any(time_s > 24 for time_s in found.passed), "nobody looks any more"


def test_key_frames_of_a_still_scene_are_shown_and_wake_nobody(quiet: Callable[..., Path]) -> None:
    path, stills = quiet(20, Encoding(group=25)), []
    found = watch(path, replace(IDLE, on_still=stills.append))
    assert found.passed == watch(path, IDLE).passed
    assert 5 <= len(stills) <= 20, "one a second, once it is idle"
    assert stills[0].width > 0


def test_a_camera_that_waits_for_its_turn_rests_once_it_is_seen_to_be_still(
    filmed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filmed(Encoding(group=25))
    full = watch(path, FULL)
    scheduler = DecodeScheduler(clock := StreamClock())
    scheduler.late("another", 0.5)  # so that one may decode at a time: the other one
    assert scheduler.start("another")
    begun: list[DecodedFrame | None] = []
    windows: dict[float, bytes] = {}
    buffer = WindowBuffer("a", SPEC, STRIDE)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = make_decoder(video, replace(IDLE, scheduler=scheduler), clock)
        assert isinstance(decoder, ScheduledDecoder)
        decoder._stop(-LATE_S)
        for packet in container.demux(video):
            if packet.pts is not None and video.time_base is not None:
                clock.now_s = float(packet.pts * video.time_base)
            begun += decoder.decode(packet) if packet.size else decoder.finish()
    told = [one for one in begun if one is not None and one.pts_s is not None]
    assert [round(one.pts_s or 0.0, 4) for one in told] == full.times
    waited = [one.pts_s for one in told if one.skipped == SkipReason.OVERLOAD]
    assert AFTER_S <= waited[-1] + FRAME_S < AFTER_S + 1, "then it is known to be still"
    for one in told:
        assert one.pts_s is not None
        time_s = round(one.pts_s, 4)
        if one.picture is None:
            buffer.skip(time_s)
        elif window := buffer.push(time_s, lambda one=one: scale_frame(one.picture, SPEC.size)):
            windows[window.end_s] = window.clip.tobytes()
    wanted = around(full.windows, *ACT_S)
    assert wanted
    for end_s in wanted:
        assert windows[end_s] == full.windows[end_s][1], f"the window that ends at {end_s}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stirs_s", "rests_s"),
    [(None, 2.0), (0.2, 4.0), (1.2, 4.0)],
    ids=["nothing", "in the first group", "in the second"],
)
def test_a_scene_rests_sooner_where_nothing_moves_between_its_key_frames(
    stirs_s: float | None,
    rests_s: float,
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idle, "SOONER_S", 1.5)
    scene = corridor(shared_data, SIZE)
    laid = []
    if stirs_s is not None:  # something white, which is gone before the next key frame
        place = scene[0][70:142, 150:246]
        white = [np.full_like(place, 255)] * round(0.6 * FPS)
        laid = [Laid([place, *white, place], [(round(stirs_s * FPS), len(white) + 1)], 150, 70)]
    path = encode(tmp_path / "film.mp4", film(scene, laid, 6), Encoding(group=25))
    resting_s: list[float] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = make_decoder(video, IDLE)
        for packet in container.demux(video):
            list(decoder.decode(packet))
            if decoder.idle and packet.pts is not None and video.time_base is not None:
                resting_s.append(float(packet.pts * video.time_base))
    assert resting_s[0] == pytest.approx(rests_s, abs=0.05)


def test_a_scene_that_has_become_still_again_is_idle_again(
    filmed: Callable[..., Path],
) -> None:
    found = watch(filmed(Encoding(group=25), 18.6), IDLE)
    assert max(found.passed) > ACT_S[1] + AFTER_S


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(how, id=name, marks=[pytest.mark.slow] if name != "H.264" else [])
        for name, how in CAMERAS.items()
    ],
)
def test_a_scene_that_looks_as_before_is_idle_once_no_window_shows_the_movement(
    how: Encoding, shared_data: Path, fight_clip: Path, tmp_path: Path
) -> None:
    there = activity(fight_clip, (96, 72), 1.0)
    act = [*there, *reversed(there)]  # it ends as it began
    starts_s = (9.1, 13.5)  # each goes on over a key frame
    spells = [(round(start_s * FPS), len(act)) for start_s in starts_s]
    laid = Laid(act * len(spells), spells, left=150, top=70)
    path = encode(tmp_path / "film.mp4", film(corridor(shared_data, SIZE), [laid], 20.6), how)
    full, found = watch(path, FULL), watch(path, IDLE)
    ends_s = [start_s + len(act) / FPS for start_s in starts_s]
    shows = [(start_s, end_s - 0.5) for start_s, end_s in zip(starts_s, ends_s, strict=True)]
    assert_nothing_is_lost(full, found, shows)
    reorder_s = (how.b_frames + 1) * FRAME_S
    rests_s = ends_s[-1] + SPEC.span_s + LOOK_S + reorder_s
    assert rests_s < ends_s[-1] + AFTER_S
    assert min(time_s for time_s in found.passed if time_s > starts_s[-1]) <= rests_s
    assert found.damaged == 0


def test_an_idle_camera_is_told_of_in_steps_that_are_shorter_than_a_stride(
    quiet: Callable[..., Path],
) -> None:
    told_s: list[float] = []
    skipped: list[int] = []
    with av.open(str(quiet(20, Encoding()))) as container:
        video = container.streams.video[0]
        decoder = make_decoder(video, IDLE)
        for index, packet in enumerate(container.demux(video)):
            if not packet.size:
                break
            told = list(decoder.decode(packet))
            if decoder.idle and told:
                assert told[-1] is None, "that packets come is said even if no frame is known"
                told_s.append(index * FRAME_S)
                skipped.append(len(told) - 1)
    steps_s = np.diff(told_s)
    assert steps_s.max() < TELL_S + 1.5 * FRAME_S
    assert steps_s.min() > TELL_S - 0.5 * FRAME_S
    assert max(skipped) <= 2 * TELL_S * FPS + 1
    assert sum(skipped) >= (told_s[-1] - told_s[0] - 2 * SPEC.span_s - 2 * TELL_S) * FPS


@pytest.mark.parametrize(
    "how",
    [Encoding(group=1), Encoding(group=4), Encoding(group=75), Encoding("hevc", group=75)],
    ids=["key frames alone", "groups of four", "groups of 3 s", "H.265 in groups of 3 s"],
)
def test_groups_that_are_too_short_or_too_long_are_decoded_in_full(
    how: Encoding, quiet: Callable[..., Path]
) -> None:
    path = quiet(8, how)
    assert watch(path, IDLE) == watch(path, FULL)


def test_mjpeg_is_decoded_in_full(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mkv", codec="mjpeg", duration_s=8)
    assert len(watch(made.path, IDLE).pictures) == made.frames


def test_a_delay_of_less_than_a_group_switches_it_off(quiet: Callable[..., Path]) -> None:
    path = quiet(12, Encoding())
    assert watch(path, replace(IDLE, idle_max_delay_s=1.9)) == watch(path, FULL)
    assert watch(path, replace(IDLE, idle_max_delay_s=2.0)).passed


def test_a_group_that_grows_while_idle_is_decoded_when_the_longest_delay_has_passed(
    quiet: Callable[..., Path],
) -> None:
    path = quiet(16, Encoding(group=1000, keys=tuple(range(0, 275, 25))))  # the last at 10 s
    full, found = watch(path, FULL), watch(path, IDLE)
    assert_nothing_is_lost(full, found, [(10.0, 16.0)])
    assert found.passed
    assert max(late_s for time_s, late_s in found.late.items() if time_s >= 10) <= 2.5 + FRAME_S
    assert found.late[15.0] == pytest.approx(0)


def test_the_key_frame_that_ends_a_long_group_does_not_make_it_idle(
    quiet: Callable[..., Path],
) -> None:
    path = quiet(10, Encoding(group=1000, keys=(50, 100, 200, 225)))
    full, found = watch(path, FULL), watch(path, IDLE)
    assert_nothing_is_lost(full, found, [(0.0, 8.9)])


@pytest.mark.parametrize("step_s", [-1000.0, -5.0, -1.5, 3.0, 1000.0])
@pytest.mark.parametrize("index", [200, 215], ids=["at a key frame", "between two"])
def test_timestamps_that_jump_while_idle_give_the_same_moments_and_windows(
    index: int, step_s: float, quiet: Callable[..., Path]
) -> None:
    def jump(packet_index: int, packet: Packet[Any]) -> Packet[Any]:
        if packet_index >= index:
            step = round(step_s / float(packet.time_base))
            assert packet.pts is not None
            assert packet.dts is not None
            packet.pts += step
            packet.dts += step
        return packet

    path = quiet(13, Encoding(group=25))
    full, found = watch(path, FULL, jump), watch(path, IDLE, jump)
    assert found.times == full.times
    jump_s = index * FRAME_S
    assert found.passed
    before = [time_s for time_s, decoded in found.moments[:index] if not decoded]
    assert max(before) < jump_s - SPEC.span_s, "what was kept is decoded"
    assert all(decoded for _, decoded in found.moments[index : index + round(AFTER_S * FPS)])
    for end_s, window in found.windows.items():
        assert window == full.windows[end_s]


def test_a_packet_marked_as_damaged_ends_an_idle_spell(quiet: Callable[..., Path]) -> None:
    def mark(index: int, packet: Packet[Any]) -> Packet[Any]:
        packet.is_corrupt = index == 215
        return packet

    path = quiet(13, Encoding(group=25))
    full, found = watch(path, FULL), watch(path, IDLE, mark)
    assert_nothing_is_lost(full, found, [(8.6, 8.6 + AFTER_S)])
    assert found.late[215 * FRAME_S] == 0


def test_a_key_frame_that_cannot_be_decoded_ends_it_and_is_counted_once(
    quiet: Callable[..., Path],
) -> None:
    def damage(index: int, packet: Packet[Any]) -> Packet[Any]:
        if index != 200:
            return packet
        data = bytearray(bytes(packet))
        data[5:] = b"\xff" * (len(data) - 5)
        bad: Packet[Any] = Packet(bytes(data))
        bad.pts, bad.dts, bad.time_base = packet.pts, packet.dts, packet.time_base
        bad.stream, bad.is_keyframe = packet.stream, True
        return bad

    path = quiet(13, Encoding(group=25))
    full, found = watch(path, FULL, damage), watch(path, IDLE, damage)
    assert [time_s for time_s in found.times if time_s < 8] == [
        time_s for time_s in full.times if time_s < 8
    ]
    assert found.pictures[-1] == full.pictures[-1]
    assert found.passed
    assert len(set(found.times)) == len(found.times)
    assert found.damaged == full.damaged


@pytest.mark.parametrize("index", [150, 151, 155], ids=["key frame", "next", "fifth"])
@pytest.mark.parametrize("how", [Encoding(b_frames=3, open_groups=True), Encoding(b_frames=3)])
def test_nothing_is_given_twice_where_an_idle_spell_ends_as_it_begins(
    index: int, how: Encoding, quiet: Callable[..., Path]
) -> None:
    def mark(packet_index: int, packet: Packet[Any]) -> Packet[Any]:
        packet.is_corrupt = packet_index >= index
        return packet

    path = quiet(8, replace(how, group=25))
    full, found = watch(path, FULL), watch(path, IDLE, mark)
    assert_nothing_is_lost(full, found, [(0.0, 8.0)])


def test_packets_without_a_timestamp_are_decoded_at_once(quiet: Callable[..., Path]) -> None:
    def strip(index: int, packet: Packet[Any]) -> Packet[Any]:
        if index % 25 == 3:
            packet.pts = None
        return packet

    path = quiet(12, Encoding(group=25))
    found = watch(path, IDLE, strip)
    assert found.pictures == watch(path, FULL, strip).pictures


def test_frames_sent_twice_are_passed_over_once_each(quiet: Callable[..., Path]) -> None:
    def freeze(index: int, packet: Packet[Any]) -> Packet[Any]:
        if index % 2 and index % 25:
            assert packet.pts is not None
            packet.pts -= round(FRAME_S / float(packet.time_base))
        return packet

    path = quiet(12, Encoding(group=50))
    full, found = watch(path, FULL, freeze), watch(path, IDLE, freeze)
    assert found.times == full.times
    assert found.passed


class BreakingContainer:
    """A file that breaks off as a stream does."""

    def __init__(self, path: Path, packets: int) -> None:
        self._container = av.open(str(path))
        self._packets = packets
        self.streams = self._container.streams
        self.format = self._container.format

    def demux(self) -> Iterator[Packet[Any]]:
        yield from itertools.islice(self._container.demux(), self._packets)
        raise av.ExitError(0, "cut short")

    def close(self) -> None:
        self._container.close()


def test_what_an_idle_stream_had_kept_is_given_before_its_loss(
    quiet: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, packets = quiet(13, Encoding(group=25)), 240
    container = BreakingContainer(path, packets)
    monkeypatch.setattr(stream, "open_plain", lambda *_, **__: container)
    source = StreamSource(parse_address("rtmp://127.0.0.1/a"), SourceSettings(decoding=IDLE))
    moments: list[Frame | NoFrameYet] = []
    monkeypatch.setattr(stream, "video_fault", lambda container: None)
    source.open()
    with pytest.raises(SourceLostError, match="no picture for 5 s"):
        moments.extend(iter(source.read, None))
    source.close()
    told = [moment for moment in moments if isinstance(moment, Frame)]
    assert [moment.time_s for moment in told] == pytest.approx(
        [index * FRAME_S for index in range(packets)]
    )
    assert told[-1].picture is not None
    assert any(moment.skipped == SkipReason.IDLE for moment in told)
    arrivals = [moment.arrived_s for moment in told]
    assert arrivals == sorted(arrivals), "each has the time at which its own packet came"


def test_a_file_is_told_to_its_last_picture(quiet: Callable[..., Path]) -> None:
    source = FileSource(quiet(13, Encoding(group=25)), IDLE)
    source.open()
    moments = list(iter(source.read, None))
    source.close()
    told = [moment for moment in moments if isinstance(moment, Frame)]
    assert [moment.time_s for moment in told] == pytest.approx(
        [index * FRAME_S for index in range(13 * FPS)]
    )
    assert told[-1].picture is not None


def test_what_is_kept_has_a_limit_idle_or_not(
    quiet: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 10_000
    monkeypatch.setattr(idle, "MAX_BYTES", most)
    for how in (Encoding(group=50, kbps=400), Encoding(group=1000)):
        path = quiet(10, how)
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            decoder = make_decoder(video, IDLE)
            assert isinstance(decoder, IdleDecoder)
            largest = times = 0
            for packet in container.demux(video):
                times += sum(decoded is not None for decoded in decoder.decode(packet))
                kept = decoder._buffered
                assert sum(one.packet.size for one in kept) <= most + 2 * max(
                    (one.packet.size for one in kept), default=0
                )
                assert not kept or kept[-1].pts_s - kept[0].pts_s <= 2 * 2.5 + SPEC.span_s
                largest = max(largest, len(kept))
            assert times == 10 * FPS
            assert largest


def test_sizes_of_packets_tell_of_a_movement_before_the_next_key_frame(
    fight_clip: Path, tmp_path: Path
) -> None:
    act_s = (12.3, 13.6)  # its group goes from 12 to 14 s
    fight = activity(fight_clip, (320, 240), act_s[1] - act_s[0])
    laid = Laid(fight, [(round(act_s[0] * FPS), len(fight))], left=0, top=0)
    path = encode(tmp_path / "sizes.mp4", film(fight[:1], [laid], 14.5), Encoding())
    full, found = watch(path, FULL), watch(path, IDLE)
    assert_nothing_is_lost(full, found, [act_s])
    assert max(late_s for time_s, late_s in found.late.items() if time_s >= act_s[0]) < 0.6


def test_an_alarm_of_sizes_for_nothing_is_not_believed_again(quiet: Callable[..., Path]) -> None:
    def filled(index: int, packet: Packet[Any]) -> Packet[Any]:
        # A filler unit: larger, and the same picture.
        if index not in (345, 346, 545, 546):
            return packet
        unit = b"\x0c" + b"\xff" * round(2.6 * largest) + b"\x80"
        big: Packet[Any] = Packet(bytes(packet) + len(unit).to_bytes(4, "big") + unit)
        big.pts, big.dts, big.time_base = packet.pts, packet.dts, packet.time_base
        big.stream = packet.stream
        return big

    path = quiet(23, Encoding(group=25))
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if not packet.is_keyframe]
    largest = max(sizes)
    found = watch(path, IDLE, filled)
    assert found.late[346 * FRAME_S] == 0, "it was believed"
    assert found.late.get(546 * FRAME_S, 1) > 0, "it was not"


def test_sizes_say_nothing_before_five_groups_and_of_a_single_packet() -> None:
    sizes = PacketSizes()
    for _ in range(4):
        sizes.learn([100, 80, 120])
    assert not any(sizes.unusual(10_000) for _ in range(5))
    sizes.learn([90])
    assert [sizes.unusual(size) for size in (241, 100, 241, 241, 241)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert [sizes.unusual(240) for _ in range(3)] == [False] * 3


def test_sizes_are_believed_the_less_the_more_often_nothing_had_moved() -> None:
    sizes = PacketSizes()
    for _ in range(5):
        sizes.learn([100])

    def alarm_at(size: int) -> bool:
        alarms = [sizes.unusual(size), sizes.unusual(size)]
        sizes.unusual(0)
        return alarms[-1]

    for least in (200, 300, 450):
        assert not alarm_at(least)
        assert alarm_at(least + 1)
        sizes.doubt()
    sizes.learn([])
    assert not alarm_at(600)


def test_still_groups_of_the_past_are_forgotten() -> None:
    sizes = PacketSizes()
    sizes.learn([1000])
    for _ in range(30):
        sizes.learn([100])
    assert [sizes.unusual(250), sizes.unusual(250)] == [False, True]


def shown(image: np.ndarray[Any, Any]) -> VideoFrame:
    """A picture as a decoder gives it."""
    clipped = np.clip(image, 0, 255).astype(np.uint8)
    return VideoFrame.from_ndarray(np.ascontiguousarray(clipped), "rgb24").reformat(
        format="yuv420p"
    )


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 360), (320, 180)])
@pytest.mark.parametrize("sigma", [0, 4])
def test_noise_and_light_on_all_of_a_picture_are_no_movement(
    size: tuple[int, int], sigma: float, fight_clip: Path
) -> None:
    (image,) = images(fight_clip, size, range(1))
    noise = np.random.default_rng(0).normal(0, sigma, image.shape)
    one, other, lit = (
        cells(shown(image * 0.7 + light + np.roll(noise, step, axis=1)))
        for light, step in ((0, 0), (0, 5), (25, 11))
    )
    assert not moved(one, other, MOVED).any()
    assert not moved(one, lit, MOVED).any()


@pytest.mark.parametrize(
    ("size", "person"), [((1920, 1080), (40, 16)), ((1280, 720), (40, 16)), ((640, 360), (24, 10))]
)
@pytest.mark.parametrize("offset", range(0, 16, 5))
def test_a_person_of_forty_pixels_is_a_movement_wherever_he_stands(
    size: tuple[int, int], person: tuple[int, int], offset: int, fight_clip: Path
) -> None:
    (image,) = images(fight_clip, size, range(1))
    image = image // 2 + 60
    height, width = person
    after = image.astype(np.int16)
    after[200 + offset : 200 + offset + height, 300 + offset : 300 + offset + width] -= 40
    assert moved(cells(shown(image)), cells(shown(after)), MOVED).any()


def test_a_scene_is_still_for_as_long_as_its_key_frames_are_alike(fight_clip: Path) -> None:
    first, *_, last = (shown(image) for image in images(fight_clip, (320, 180), range(60)))
    scene = Stillness()
    assert scene.lasted_s(5) < 0
    assert [scene.see_key(time_s, first) for time_s in (0, 2, 4)] == [False] * 3
    assert scene.lasted_s(4) == 4
    assert not scene.any_motion
    assert scene.see_key(6, last)
    assert not scene.see_key(8, last)
    assert scene.lasted_s(8) == 2
    assert scene.any_motion
    scene.reset()
    assert scene.lasted_s(9) < 0


def test_a_scene_is_as_before_once_what_moved_is_gone_and_for_so_long(fight_clip: Path) -> None:
    first, *_, last = (shown(image) for image in images(fight_clip, (320, 180), range(60)))
    scene = Stillness()
    for time_s in (0, 2):
        scene.see_key(time_s, first)
        scene.see(time_s, first)
    assert not scene.is_as_before(0, 2), "nothing has moved"
    scene.reset()  # it woke
    assert scene.see_key(4, last) is False
    for time_s, shows in ((4.0, last), (4.5, last), (5.0, first)):
        scene.see(time_s, shows)
        assert not scene.is_as_before(0, time_s), "a key frame tells"
    scene.see_key(6, first)
    assert scene.is_as_before(1.4, 6.5)
    assert not scene.is_as_before(1.6, 6.5)
    scene.see(6.5, last)
    assert not scene.is_as_before(1.4, 6.5), "it moves again"
    scene.see_key(8, last)
    assert not scene.is_as_before(0, 8), "it looks otherwise"


def test_a_movement_between_key_frames_is_noticed_but_ends_no_stillness(fight_clip: Path) -> None:
    first, *_, last = (shown(image) for image in images(fight_clip, (320, 180), range(60)))
    scene = Stillness()
    scene.see_key(0, first)
    for time_s, shows in ((0.0, first), (0.4, last), (0.5, first)):
        scene.see(time_s, shows)
    assert not scene.any_motion, "it is looked at every half second"
    scene.see(1.0, last)
    assert scene.any_motion
    assert scene.lasted_s(1) == 1


def clock(image: np.ndarray[Any, Any], seconds: int, top: int) -> np.ndarray[Any, Any]:
    """A picture into which a camera has written the time."""
    words = f"01:{seconds // 60:02d}:{seconds % 60:02d}"
    written = np.ascontiguousarray(image)
    cv2.rectangle(written, (0, top), (200, top + 30), (0, 0, 0), -1)
    cv2.putText(written, words, (5, top + 24), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
    return written


@pytest.mark.parametrize("top", [4, 320], ids=["at the top", "at the bottom"])
def test_a_clock_in_the_picture_is_learned_and_what_moves_elsewhere_is_seen_all_the_same(
    top: int, fight_clip: Path
) -> None:
    first, *_, last = images(fight_clip, (640, 360), range(60))
    scene = Stillness()
    for second in range(0, 30, 2):
        scene.see_key(second, shown(clock(first, second, top)))
    assert scene.lasted_s(28) == 0, "not known yet"
    for second in range(30, 160, 2):
        assert not scene.see_key(second, shown(clock(first, second, top)))
    assert scene.lasted_s(158) > 120
    assert scene.see_key(160, shown(clock(last, 160, top)))
    scene.reset()
    assert not scene.see_key(162, shown(clock(last, 162, top)))
    assert not scene.see_key(164, shown(clock(last, 164, top))), "it is still known"


def test_a_clock_in_the_middle_of_the_picture_counts_as_a_movement(fight_clip: Path) -> None:
    (image,) = images(fight_clip, (640, 360), range(1))
    scene = Stillness()
    seen = [scene.see_key(second, shown(clock(image, second, 160))) for second in range(0, 60, 2)]
    assert all(seen[1:])


def test_people_who_walk_along_the_upper_edge_are_no_clock(fight_clip: Path) -> None:
    (image,) = images(fight_clip, (640, 360), range(1))
    scene = Stillness()
    for step in range(40):
        after = image // 2 + 60
        left = 20 + step * 37 % 600
        after[4:40, left : left + 14] = 20
        moves = scene.see_key(2 * step, shown(after))
        assert moves or not step


def test_a_picture_of_another_size_is_a_movement(fight_clip: Path) -> None:
    wide, high = (
        cells(shown(images(fight_clip, size, range(1))[0])) for size in ((320, 180), (320, 240))
    )
    assert moved(wide, high, MOVED).all()


def test_without_a_limit_of_delay_everything_is_decoded(quiet: Callable[..., Path]) -> None:
    with av.open(str(quiet(8, Encoding(group=4)))) as container:
        assert isinstance(make_decoder(container.streams.video[0], FULL), FullDecoder)


def test_passed_over_moments_keep_rate_and_windows_going_and_late_ones_their_arrival(
    tmp_path: Path,
) -> None:
    states: list[str] = []

    def moments() -> Iterator[Any]:
        for index in range(90):
            time_s = index / 10
            if 30 <= index < 60:
                yield NoFrameYet.IDLE
                states.append(monitor.cameras[0].state)
                yield Frame(time_s, None, 1000 + time_s, SkipReason.IDLE)
            else:
                yield replace(picture(time_s, 60 + 120 * (index % 2)), arrived_s=1000 + time_s)
            states.append(monitor.cameras[0].state)

    found: list[Prediction | Skipped] = []
    classifier = OnnxClassifier(motion_model(tmp_path / "motion.onnx", metadata()))
    monitor = Monitor(
        MonitorOptions.model_validate({"cameras": [{"name": "a", "source": "a.mp4"}]}),
        classifier,
        [RecordingSink()],
        make=lambda address, settings: FakeSource(moments()),
        on_window=found.append,
    )
    monitor.run()
    assert states == ["live"] * 30 + ["idle"] * 60 + ["live"] * 30
    assert monitor.cameras[0].fps == pytest.approx(10)
    assert monitor.cameras[0].frames == 90
    ends = [round(window.end_s, 1) for window in found]
    passed = [window.end_s for window in found if isinstance(window, Skipped)]
    assert [round(end_s, 1) for end_s in passed] == [3.4, 3.9, 4.4, 4.9, 5.4, 5.9]
    assert ends == [1.9, 2.4, 2.9, *(round(end_s, 1) for end_s in passed), 7.9, 8.4, 8.9], (
        "windows that hold passed-over moments and others are none"
    )
    for window in found:
        assert window.arrived_s - 1000 == pytest.approx(window.end_s)
