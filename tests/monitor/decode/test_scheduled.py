"""A real stream that waits for its turn."""

from pathlib import Path

import av
import pytest

from monitor.decode.decoder import DecodedFrame
from monitor.decode.make import make_decoder
from monitor.decode.options import Decoding
from monitor.decode.scheduled import ScheduledDecoder
from monitor.decode.scheduler import DecodeScheduler
from monitor.states import SkipReason
from testkit.fakes import Clock
from testkit.films import looped
from testkit.pages import SAMPLE

FPS, GROUP = 25, 25
BEGINS = 65  # the packet with which its turn begins
WINDOW_S = 1.2


@pytest.mark.parametrize("b_frames", ["0", "2"])
def test_a_turn_begins_with_a_window_of_what_came_before_it(tmp_path: Path, b_frames: str) -> None:
    path = looped(
        tmp_path / "f.mp4", SAMPLE, 4, "fps=25,scale=160:90", "libx264", "-g", str(GROUP),
        "-sc_threshold", "0", "-bf", b_frames,
    )  # fmt: skip
    scheduler = DecodeScheduler(clock := Clock())
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        whole = [round(frame.time or 0.0, 3) for frame in frames]
        assert len(whole) >= 3 * FPS
    taken: list[DecodedFrame] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoding = Decoding(scheduler=scheduler, turn_s=WINDOW_S)
        decoder = make_decoder(video, decoding, clock)
        scheduler.late("another", 0.5)
        assert scheduler.start("another")
        assert isinstance(decoder, ScheduledDecoder)
        decoder._stop(clock.now_s)
        for index, packet in enumerate(container.demux(video)):
            if index == BEGINS:
                scheduler.leave("another")
            clock.now_s += 1 / FPS
            given = decoder.decode(packet) if packet.size else decoder.finish()
            taken += [frame for frame in given if frame is not None]
    passed = [frame.skipped for frame in taken]
    first = passed.index(None)
    assert passed == [SkipReason.OVERLOAD] * first + [None] * (len(taken) - first)
    times = [round(frame.pts_s or 0.0, 3) for frame in taken]
    assert times == sorted(set(times))
    newest_s = max(whole[: BEGINS + 1])
    assert abs(newest_s - WINDOW_S - times[first]) < 0.1, "the window ends with the newest frame"
    assert times[first:] == whole[whole.index(times[first]) :]
    begins = BEGINS // GROUP * GROUP - GROUP  # the key frame that is a window away
    assert set(times[:first]) <= set(whole[: whole.index(times[first])])
    assert set(whole[begins : whole.index(times[first])]) <= set(times), "what was decoded is told"
    assert clock.now_s - taken[first].arrived_s > (len(whole) - BEGINS) / FPS, "as it came"
