"""Cameras that take turns where the cores cannot decode all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import pytest
from av import VideoFrame

from monitor.decode import scheduled
from monitor.decode.decoder import DecodedFrame
from monitor.decode.look_places import LookPlaces
from monitor.decode.scheduled import VERDICT_S, HasTime, ScheduledDecoder
from monitor.decode.scheduler import GROW_S, LATE_S, DecodeScheduler
from monitor.decode.stillness import Stillness
from monitor.health.status import STALLED_S
from testkit.fakes import Clock

FRAME_S = 0.04
GROUP = 50  # frames from one key frame to the next
WINDOW_S, ALERT_S = 1.9, 1.5


@dataclass
class FakePacket:
    pts: float
    is_keyframe: bool
    size: int = 1000


@dataclass
class FakeFull:
    """Stands for the stream's own decoder; `looks` are those at key frames alone."""

    moving: bool = True
    damaged: int = 0
    flushed: int = 0
    looks: int = 0

    def pts_s(self, pts: int | None) -> float | None:
        return None if pts is None else pts * FRAME_S

    def flush(self) -> None:
        self.flushed += 1

    def peek(self, key: Any) -> VideoFrame:
        self.looks += 1
        level = 60 + 120 * (self.looks % 2) * self.moving
        image = np.full((48, 64, 3), 128, np.uint8)
        image[:24] = level
        return VideoFrame.from_ndarray(image, "rgb24")


@dataclass
class FakeDecoder:
    """Decodes a frame a packet, which takes its time."""

    clock: Clock
    cost_s: float
    idle: bool = False
    damaged: int = 0
    at_rest_from_s: float | None = None
    wakes_s: float = 0.0  # it wakes with its next packet, and is busy for so long
    has_time: HasTime = lambda: True
    begins: list[float | None] = field(default_factory=list)  # the first packet of each turn

    def decode(self, packet: Any) -> Iterator[DecodedFrame | None]:
        if self.begins and self.begins[-1] is None:
            self.begins[-1] = packet.pts
        if self.wakes_s and not self.has_time():
            self.idle, self.wakes_s = False, 0.0
            return
        self.clock.now_s += self.cost_s + self.wakes_s
        if self.wakes_s:
            self.idle, self.wakes_s = False, 0.0
        yield DecodedFrame(packet.pts * FRAME_S, object(), self.clock.now_s)  # type: ignore[arg-type]

    def finish(self) -> Iterator[DecodedFrame | None]:
        yield from ()


class SharedCore(LookPlaces):
    """One place at one core: a look leaves half of it to the other threads."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(1, clock=clock)
        self._now: Clock = clock
        self._began_s = self._free_s = 0.0

    def _lock(self, place: int) -> bool:
        self._began_s = self._now()
        return self._began_s >= self._free_s

    def free(self, place: int) -> None:
        super().free(place)
        self._free_s = 2 * self._now() - self._began_s


def one_core(clock: Clock) -> DecodeScheduler:
    return DecodeScheduler(clock, places=SharedCore(clock))


@dataclass
class Camera:
    """A stream of 25 frames a second, read by one thread that others hold up."""

    clock: Clock
    scheduler: DecodeScheduler
    cost_s: float
    rate: float = 1.0  # by which its timestamps advance
    began_s: float = field(init=False)
    full: Any = field(default_factory=FakeFull)
    next: int = 0
    decoded: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    suspicious: bool = False
    held_s: float = 0.0  # that its thread has waited for the core
    free_s: float = 0.0  # since when it has done so, or waits for its next packet
    behind_s: list[float] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)  # the clock whenever it said anything
    burst_s: float = 0.0  # its packets come together, once in so long
    looked_at: bool = False

    def __post_init__(self) -> None:
        self.began_s = self.free_s = self.clock.now_s
        self.inner = FakeDecoder(self.clock, self.cost_s)
        self.decoder = ScheduledDecoder(
            self.begin,
            self.full,
            self.scheduler,
            self.clock,
            self.rest,
            may_idle=lambda gop_s, packets: not self.looked_at,
            turn_s=WINDOW_S,
            suspicious=lambda: self.suspicious,
            alert_s=ALERT_S,
            held_up=lambda: self.held_s,
        )

    def begin(self, has_time: HasTime) -> FakeDecoder:
        self.inner.has_time = has_time
        self.inner.begins.append(None)
        return self.inner

    def rest(self, has_time: HasTime, key: Any, pts_s: float, scene: Stillness) -> FakeDecoder:
        self.inner.idle, self.inner.at_rest_from_s, self.inner.cost_s = True, pts_s, 0.0
        return self.inner

    @property
    def due_s(self) -> float:
        """When its next packet comes."""
        due_s = self.next * FRAME_S
        if self.burst_s:
            due_s = ceil(due_s / self.burst_s - 1e-9) * self.burst_s
        return self.began_s + due_s

    def read(self) -> None:
        packet: Any = FakePacket(self.next * self.rate, self.next % GROUP == 0)
        self.behind_s.append(self.clock.now_s - self.due_s)
        self.held_s += self.clock.now_s - max(self.due_s, self.free_s)
        self.take(self.decoder.decode(packet))
        self.free_s = self.clock.now_s
        self.next += 1

    def finish(self) -> None:
        self.take(self.decoder.finish())

    def take(self, frames: Iterator[DecodedFrame | None]) -> None:
        for decoded in frames:
            self.told_s.append(self.clock.now_s)
            if decoded is None:
                continue
            assert decoded.pts_s is not None
            (self.waited if decoded.skipped else self.decoded).append(decoded.pts_s)


def watch(cameras: list[Camera], seconds: float) -> None:
    """One core: the camera whose packet is oldest is read, until the time is up."""
    clock = cameras[0].clock
    end_s = clock.now_s + seconds
    while clock.now_s < end_s:
        camera = min(cameras, key=lambda one: one.due_s)
        clock.now_s = max(clock.now_s, camera.due_s)
        camera.read()
        clock.now_s += 2e-5  # the packet itself


def kept_waiting(cost_s: float, rate: float = 1.0) -> tuple[DecodeScheduler, Camera]:
    """A camera that waits until "another" leaves the one place for a look."""
    scheduler = DecodeScheduler(clock := Clock())
    camera = Camera(clock, scheduler, cost_s, rate)
    scheduler.late("another", 0.5)
    assert scheduler.start("another")
    camera.decoder._stop(clock.now_s)
    return scheduler, camera


def longest_s(stamps: list[float]) -> float:
    """Of the spells without a missing frame."""
    longest, start, last = 0.0, stamps[0], stamps[0]
    for stamp in stamps:
        if stamp - last > 1.5 * FRAME_S:
            start = stamp
        last = stamp
        longest = max(longest, last - start)
    return longest


def test_cameras_that_keep_up_all_decode_at_all_times() -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    cameras = [Camera(clock, scheduler, 0.003) for _ in range(8)]
    watch(cameras, 60)
    assert all(not camera.waited for camera in cameras)
    assert scheduler.limit == float("inf")


def test_more_cameras_than_fit_are_watched_in_turn_and_none_falls_behind() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(24)]  # more than twice what fits
    watch(cameras, 150)
    for camera in cameras:
        assert camera.decoded, "every camera has its turn"
        assert longest_s(camera.decoded) >= WINDOW_S, "it lasts for a window"
        assert max(camera.behind_s[-2000:]) < 3
    shares = [
        len(camera.decoded) / (len(camera.decoded) + len(camera.waited)) for camera in cameras
    ]
    assert min(shares) > 0.5 * max(shares), "turns are fair"
    assert 0.15 < sum(shares) / len(shares) < 0.5


def test_of_twice_as_many_as_fit_none_waits_long() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(18)]  # of which nine fit
    watch(cameras, 60)  # until the limit is found
    for camera in cameras:
        camera.decoded.clear()
    watch(cameras, 120)
    for camera in cameras:
        # The rounds, and what is lost from one key frame to the next: all have theirs at once here.
        assert max(later - one for one, later in pairwise(camera.decoded)) <= 13
        assert longest_s(camera.decoded) >= WINDOW_S


def test_a_turn_begins_with_a_look_at_a_whole_window() -> None:
    scheduler, camera = kept_waiting(0.004)
    watch([camera], 3)  # half a group more than one
    scheduler.leave("another")
    watch([camera], 0.8)
    assert camera.decoded == []
    watch([camera], 0.16)
    assert camera.decoded[0] == pytest.approx(GROUP * FRAME_S, abs=2 * FRAME_S)
    assert camera.decoded[-1] == pytest.approx(3.96, abs=2 * FRAME_S)
    assert sorted(camera.waited + camera.decoded) == [n * FRAME_S for n in range(camera.next)]


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_camera_whose_timestamps_hardly_advance_has_its_turn_too(rate: float) -> None:
    scheduler, camera = kept_waiting(0.0, rate)
    watch([camera], 3)
    scheduler.leave("another")
    watch([camera], 2)
    assert camera.decoded


@pytest.mark.parametrize("burst_s", [0.5, 1.0])
def test_a_camera_that_sends_several_packets_at_once_has_its_turn_too(burst_s: float) -> None:
    scheduler = one_core(clock := Clock())
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(25)]
    cameras[-1].burst_s = burst_s
    watch(cameras, 60)
    for camera in cameras:
        camera.decoded.clear()
    watch(cameras, 60)
    others = sum(len(camera.decoded) for camera in cameras[:-1]) / 24
    assert len(cameras[-1].decoded) > 0.5 * others


def test_a_camera_that_gives_some_packets_no_timestamp_has_its_turn_too() -> None:
    scheduler, camera = kept_waiting(0.0)
    camera.full.pts_s = lambda pts: None if pts % 2 else pts * FRAME_S
    watch([camera], 3)
    scheduler.leave("another")
    watch([camera], 2)
    assert camera.decoded


def test_of_a_large_picture_of_which_little_is_kept_a_window_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduled, "MAX_BYTES", 50_000)  # half of it: a second
    scheduler = one_core(clock := Clock())
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(24)]
    watch(cameras, 50)
    for camera in cameras:
        camera.decoded.clear()
    watch(cameras, 40)
    assert min(longest_s(camera.decoded) for camera in cameras) >= WINDOW_S


def test_a_camera_that_waits_says_that_packets_come() -> None:
    _, camera = kept_waiting(0.0)
    watch([camera], 12)
    assert max(later - one for one, later in pairwise(camera.told_s)) < STALLED_S / 2


def test_a_still_scene_that_somebody_looks_at_waits_for_its_turn() -> None:
    scheduler, camera = kept_waiting(0.0)
    camera.full.moving, camera.looked_at = False, True
    watch([camera], 20)
    assert camera.inner.at_rest_from_s is None
    scheduler.leave("another")
    watch([camera], 3)
    assert camera.decoded


def test_what_was_kept_of_a_scene_that_turns_out_to_be_still_is_told() -> None:
    _, camera = kept_waiting(0.0)
    camera.full.moving = False
    watch([camera], 10)
    begins = camera.inner.at_rest_from_s
    assert begins is not None
    told = sorted(stamp for stamp in camera.waited if stamp < begins)
    assert told == [n * FRAME_S for n in range(round(begins / FRAME_S))]


def test_what_came_before_the_newest_window_is_not_shown() -> None:
    scheduler, camera = kept_waiting(0.0)
    watch([camera], 4.2)
    scheduler.leave("another")
    watch([camera], FRAME_S)
    assert camera.decoded[-1] - camera.decoded[0] == pytest.approx(WINDOW_S, abs=4 * FRAME_S)
    assert sorted(camera.waited + camera.decoded) == [n * FRAME_S for n in range(camera.next)]


@pytest.mark.parametrize(("waited_s", "looks"), [(4.6, False), (8.6, True)])
def test_who_has_waited_for_long_may_decode_more_for_its_look(waited_s: float, looks: bool) -> None:
    scheduler, camera = kept_waiting(0.0)
    watch([camera], waited_s)  # its newest key frame that is a window away is 0.6 s older than that
    scheduler.leave("another")
    watch([camera], 0.2)
    assert bool(camera.decoded) == looks


def test_who_may_show_an_activity_keeps_its_turn_for_longer() -> None:
    scheduler = one_core(clock := Clock())
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(24)]
    cameras[0].suspicious = True
    watch(cameras, 60)
    turn_s = WINDOW_S + VERDICT_S + ALERT_S
    assert turn_s <= longest_s(cameras[0].decoded) + FRAME_S < turn_s + 3
    assert len(cameras[0].decoded) > 1.2 * max(len(camera.decoded) for camera in cameras[1:])


def test_who_wakes_while_others_wait_looks_at_what_is_new() -> None:
    scheduler = DecodeScheduler(clock := Clock())
    scheduler.late("slow", 0.5)
    assert scheduler.start("slow")
    assert not scheduler.start("next")
    camera = Camera(clock, scheduler, 0.0)
    camera.inner.idle = True
    watch([camera], 2.02)
    camera.inner.idle, camera.inner.wakes_s = True, 3.0
    scheduler._limit = 2  # there is room for another, if what was kept is left
    watch([camera], 2)
    assert camera.behind_s[-1] < 0.1, "three seconds of work were left"
    assert camera.waited, "nor was it its turn at once"


def test_what_cannot_be_classified_in_time_is_not_decoded() -> None:
    scheduler = DecodeScheduler(clock := Clock())
    for number in range(10):
        assert scheduler.keep(number, idle=False)
    scheduler.crowded()
    assert scheduler.limit == float("inf"), "all keep up: windows are dropped, evenly"
    scheduler.late(0, 1.0)
    assert scheduler.limit == 9
    clock.now_s += LATE_S
    scheduler.crowded()
    scheduler.crowded()
    assert scheduler.limit == 8


def test_times_never_step_back_and_none_is_given_twice() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(30)]
    watch(cameras, 60)
    for camera in cameras:
        camera.finish()
        given = sorted(camera.decoded + camera.waited)
        assert len(given) == len(set(given)) == camera.next


def test_once_the_load_is_gone_all_decode_again() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(20)]
    watch(cameras, 60)
    assert scheduler.limit < 20
    for camera in cameras:
        camera.inner.cost_s = 0.0005
    watch(cameras, 30 * GROW_S)
    assert scheduler.limit == float("inf")
    for camera in cameras:
        camera.waited.clear()
    watch(cameras, 10)
    assert all(not camera.waited for camera in cameras)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.84, 0.995])
def test_timestamps_that_advance_too_slowly_are_no_overload(rate: float) -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    cameras = [Camera(clock, scheduler, 0.003), Camera(clock, scheduler, 0.003, rate)]
    watch(cameras, 600 if rate > 0.9 else 60)
    assert not cameras[0].waited
    assert not cameras[1].waited
    assert scheduler.limit == float("inf")


def test_a_camera_that_was_found_to_have_a_slow_clock_is_no_overload_under_load() -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    cameras = [Camera(clock, scheduler, 0.003), Camera(clock, scheduler, 0.003, 0.9)]
    watch(cameras, 30)
    cameras[0].inner.cost_s = 0.033  # most of the core, but not all
    watch(cameras, 60)
    assert not cameras[0].waited
    assert not cameras[1].waited


def test_a_network_that_stalls_and_catches_up_is_no_overload() -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    camera = Camera(clock, scheduler, 0.003)
    watch([camera], 10)
    clock.now_s += 4 * LATE_S  # nothing came; then all of it at once
    watch([camera], 10)
    assert not camera.waited
    assert scheduler.limit == float("inf")


def test_a_stream_that_stalls_and_stays_late_is_no_overload() -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    cameras = [Camera(clock, scheduler, 0.003) for _ in range(4)]
    watch(cameras, 10)
    cameras[0].began_s += 4 * LATE_S  # a server that held its pictures up, and goes on so
    watch(cameras, 30)
    assert all(not camera.waited for camera in cameras)
    assert scheduler.limit == float("inf")


@pytest.mark.parametrize("jump", [90_000, -90_000], ids=["ahead", "back"])
def test_timestamps_that_jump_to_and_fro_are_no_overload(jump: int) -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    camera = Camera(clock, scheduler, 0.003)
    watch([camera], 10)
    for by in (jump, -jump):
        camera.next += by
        camera.began_s -= by * FRAME_S
        watch([camera], 10)
    assert not camera.waited
    assert scheduler.limit == float("inf")


def test_still_cameras_that_wait_rest_without_a_turn() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    still = [Camera(clock, scheduler, 0.004, full=FakeFull(moving=False)) for _ in range(40)]
    watch(still, 50)
    rested = [camera.inner.at_rest_from_s for camera in still]
    assert sum(at_s is not None for at_s in rested) > 20
    assert max(at_s for at_s in rested if at_s is not None) < 40
    for camera in still:
        assert not camera.waited or camera.waited[-1] < 45, "none waits any more"
        given = sorted(camera.decoded + camera.waited)
        assert len(given) == len(set(given)), "and none is given twice"


def test_of_a_scene_that_moves_two_key_frames_are_looked_at_each_time_it_waits() -> None:
    clock = Clock()
    scheduler = one_core(clock)
    cameras = [Camera(clock, scheduler, 0.004) for _ in range(24)]
    watch(cameras, 100)
    assert all(camera.inner.at_rest_from_s is None for camera in cameras)
    turns_had = [camera.full.flushed for camera in cameras]
    looks = [camera.full.looks for camera in cameras]
    assert all(seen <= 2 * (had + 1) for seen, had in zip(looks, turns_had, strict=True))


def test_there_are_as_many_looks_at_a_time_as_places() -> None:
    scheduler = DecodeScheduler(Clock(), places=LookPlaces(2))
    assert scheduler.start("one")
    assert scheduler.start("two")
    assert not scheduler.start("three")
    scheduler.looked("one")
    scheduler.looked("one")
    assert scheduler.start("three")
    assert not scheduler.start("four")


def test_after_their_looks_no_more_go_on_than_keep_up() -> None:
    scheduler = DecodeScheduler(Clock())
    scheduler.late("slow", 0.5)
    assert scheduler.limit == 1
    for name in ("one", "two"):
        assert scheduler.start(name)
        scheduler.looked(name)
    assert not scheduler.keep("one", idle=False), "the other ones wait"
    assert scheduler.keep("two", idle=False)


def test_a_resting_camera_takes_no_ones_turn() -> None:
    scheduler = DecodeScheduler(Clock())
    scheduler.late("slow", 0.5)
    for name in ("one", "two"):
        assert scheduler.start(name)
        scheduler.looked(name)
    assert scheduler.keep("one", idle=True)
    assert scheduler.keep("two", idle=False)


def test_a_slow_clock_of_an_idle_camera_is_no_overload_when_it_wakes() -> None:
    clock = Clock()
    camera = Camera(clock, DecodeScheduler(clock), 0.0, rate=0.98)
    camera.inner.idle = True
    watch([camera], 120)
    camera.inner.idle, camera.inner.cost_s = False, 0.02
    watch([camera], 20)
    assert not camera.waited


@pytest.mark.parametrize("index", [1500, 1501, 1520, 1549])
def test_what_a_camera_decodes_when_it_wakes_is_no_overload(index: int) -> None:
    clock = Clock()
    camera = Camera(clock, DecodeScheduler(clock), 0.0)
    camera.inner.idle = True
    watch([camera], index * FRAME_S - FRAME_S / 2)
    camera.inner.wakes_s, camera.inner.cost_s = 3.0, 0.022  # it catches up slowly
    watch([camera], 20)
    assert not camera.waited
    assert max(camera.behind_s) > 2.9
    assert camera.behind_s[-1] < 0.1


def test_an_idle_camera_that_falls_behind_is_noticed_at_its_key_frames() -> None:
    clock = Clock()
    camera = Camera(clock, DecodeScheduler(clock), 0.06)
    camera.inner.idle = True
    watch([camera], 60)
    assert camera.waited
    assert max(camera.behind_s) < 6


def test_who_is_gone_holds_no_turn() -> None:
    scheduler = DecodeScheduler(clock := Clock())
    scheduler.late("slow", 0.5)
    assert scheduler.start("slow")
    clock.now_s += 1
    assert not scheduler.start("next")
    scheduler.leave("slow")
    assert scheduler.start("next")


@pytest.mark.parametrize("together", [1, 5])
def test_those_that_fall_behind_at_once_count_as_one(together: int) -> None:
    scheduler = DecodeScheduler(Clock())
    for number in range(10):
        assert scheduler.keep(number, idle=False)
    for number in range(together):
        scheduler.late(number, 1.0)
    assert scheduler.limit == 9


def test_the_decoder_begins_anew_at_a_key_frame() -> None:
    clock = Clock()
    scheduler = DecodeScheduler(clock)
    camera = Camera(clock, scheduler, 0.004)
    watch([camera], 2)
    scheduler.late(camera.decoder, 0.5)
    camera.decoder._stop(clock.now_s)
    watch([camera], 4)
    assert camera.full.flushed == 1
    assert camera.inner.begins == [0, 2 * GROUP]
    assert camera.decoded[-1] > camera.waited[-1]
