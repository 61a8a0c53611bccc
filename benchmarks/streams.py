"""The camera streams of the benchmarks: real footage, encoded as IP cameras encode, and served.

There is a key frame every two seconds and no B frame. Every frame has sensor noise of its own, so
no part of a quiet scene is the same twice. The footage is `surveillance` and `fight-surv` of the
folder of data sets.
"""

import hashlib
import json
import logging
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monitor.atomic import replacing
from monitor.errors import DataError, MonitorError
from testkit import ROOT

log = logging.getLogger(__name__)

GOP_S = 2
_PYTHON = "/usr/bin/python3"  # Debian's own, because the bindings are built for it
_SCRIPT = ROOT / "testkit" / "servers" / "rtsp_server.py"
_START_LIMIT_S = 60.0

_CORRIDOR = "surveillance/one-by-one-person-detection.mp4"
_STREET = "surveillance/vtest.avi"
# Each is of another source video. Two seconds of each are taken.
_FIGHTS = tuple(f"fight-surv/fight/fi{number:03d}.mp4" for number in range(5, 145, 10))
# Gaussian noise of every frame, grey levels: what a camera's own filter leaves by day.
_NOISE = "noise=c0s=4:c1s=2:c2s=2:allf=t"

Codec = Literal["h264", "hevc"]
Rate = Literal["constant", "variable"]


@dataclass(frozen=True)
class Film:
    """A scene: FFmpeg inputs, and a graph that makes [film] of them, 25 frames a second."""

    inputs: tuple[str, ...]  # relative to the folder of data sets
    graph: Callable[[str], str]  # takes the size, W:H
    repeats: int  # how often the encoded scene is shown; it is encoded once


@dataclass(frozen=True)
class Stream:
    """One camera's stream."""

    name: str
    film: str
    width: int
    height: int
    fps: int
    codec: Codec
    rate: Rate
    kbps: int  # the bit rate, or the highest if it varies

    @property
    def title(self) -> str:
        """What a table calls it."""
        codec = "H.264" if self.codec == "h264" else "H.265"
        return f"{self.film}, {self.height}p{self.fps} {codec}, {self.rate} rate"


@dataclass(frozen=True)
class Server:
    """A running server. It sends its file as it is, to each client from the first frame."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.url.rpartition("/")[0].rpartition(":")[2])


def encoded(stream: Stream, data: Path, folder: Path) -> Path:
    """The stream as an MP4 file; made in `folder` unless there is one of the same recipe."""
    film = FILMS[stream.film]
    sources = [data / name for name in film.inputs]
    if lacking := [path for path in sources if not path.is_file()]:
        raise DataError(f"{lacking[0]}: no such file; {stream.name} is made of it")
    encode = _encode_command(stream, film, sources)
    repeat = [*_FFMPEG, "-stream_loop", str(film.repeats - 1)]
    path = folder / f"{stream.name}-{recipe_key(stream)}.mp4"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    log.info("encoding %s", stream.name)
    with replacing(path) as whole, replacing(path.with_suffix(".once.mp4")) as once:
        _run([*encode, str(once)])
        _run([*repeat, "-i", str(once), "-c", "copy", str(whole)])
    path.with_suffix(".once.mp4").unlink()
    return path


@contextmanager
def served(path: Path, codec: str) -> Iterator[Server]:
    """Serve an MP4 file with GStreamer's RTSP server; MonitorError if it does not start."""
    command = [_PYTHON, str(_SCRIPT), str(path), "--codec", codec]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], _START_LIMIT_S)
        port = process.stdout.readline().strip() if ready else ""
        if not port.isdecimal():
            raise MonitorError("the RTSP server does not start: see `make test` for its packages")
        yield Server(f"rtsp://127.0.0.1:{port}/cam", process.pid)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def recipe_key(stream: Stream) -> str:
    """A hash that changes if other frames would be made of the same data."""
    film = FILMS[stream.film]
    words = _encode_command(stream, film, [Path(name) for name in film.inputs])
    return hashlib.sha256(json.dumps([words, film.repeats]).encode()).hexdigest()[:12]


_FFMPEG = ("ffmpeg", "-v", "error", "-y")


def _encode_command(stream: Stream, film: Film, sources: list[Path]) -> list[str]:
    inputs = [word for path in sources for word in ("-i", str(path))]
    graph = film.graph(f"{stream.width}:{stream.height}")
    graph += f";[film]fps={stream.fps},{_NOISE},format=yuv420p[out]"
    return [
        *_FFMPEG, *inputs, "-filter_complex", graph, "-map", "[out]",
        *_encoder(stream), *_rate(stream),
    ]  # fmt: skip


def _encoder(stream: Stream) -> list[str]:
    gop = GOP_S * stream.fps
    if stream.codec == "hevc":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:log-level=error"
        return ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params]
    keys = ["-g", str(gop), "-keyint_min", str(gop), "-sc_threshold", "0", "-bf", "0"]
    return ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", *keys]


def _rate(stream: Stream) -> list[str]:
    limit = ["-maxrate", f"{stream.kbps}k", "-bufsize", f"{stream.kbps}k"]
    if stream.rate == "constant":
        return ["-b:v", f"{stream.kbps}k", *limit]
    return ["-crf", "26", *limit]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise DataError("ffmpeg: not installed; it encodes the streams") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()
        raise DataError(f"ffmpeg cannot encode: {reason[-1] if reason else 'no reason'}") from None


def _busy(size: str) -> str:
    """People in a street, frame by frame, then one fight after another."""
    parts = [f"[0:v]setpts=N/25/TB,scale={size},setsar=1,fps=25[s0]"]
    parts += [f"[{n}:v]{_fight(size)}[s{n}]" for n in range(1, len(_FIGHTS) + 1)]
    together = "".join(f"[s{n}]" for n in range(len(parts)))
    return ";".join([*parts, f"{together}concat=n={len(parts)}[film]"])


def _idle(size: str) -> str:
    """A corridor for a minute. It is empty, but for a person who comes and goes in 3 seconds."""
    return (
        f"[0:v]scale={size},setsar=1,split=3[e][c][g];"
        f"{_still('e')},trim=duration=57,split[q0][q1];"
        "[q0]trim=duration=30,setpts=PTS-STARTPTS[p0];"
        "[c]trim=start_frame=61:end_frame=76,setpts=N/10/TB,fps=25[p1];"
        "[g]trim=start_frame=189:end_frame=204,setpts=N/10/TB,fps=25[p2];"
        "[q1]trim=start=30,setpts=PTS-STARTPTS[p3];"
        "[p0][p1][p2][p3]concat=n=4[film]"
    )


def _fights(pause_s: int, count: int) -> Callable[[str], str]:
    """The same corridor, empty. After every `pause_s` seconds a fight is cut in."""

    def graph(size: str) -> str:
        still = f"[0:v]scale={size},setsar=1[e];{_still('e')},trim=duration={pause_s}"
        parts = [f"{still},split={count}" + "".join(f"[q{n}]" for n in range(1, count + 1))]
        parts += [f"[{n}:v]{_fight(size)}[s{n}]" for n in range(1, count + 1)]
        together = "".join(f"[q{n}][s{n}]" for n in range(1, count + 1))
        return ";".join([*parts, f"{together}concat=n={2 * count}[film]"])

    return graph


def _fight(size: str) -> str:
    return f"scale={size},setsar=1,fps=25,trim=duration=2,setpts=PTS-STARTPTS"


def _still(name: str) -> str:
    """The mean of the corridor's 59 empty frames, repeated without end."""
    return (
        f"[{name}]trim=end_frame=59,tmix=frames=59,select=eq(n\\,58),"
        "loop=loop=-1:size=1:start=0,setpts=N/25/TB,fps=25"
    )


FILMS = {
    "busy": Film((_STREET, *_FIGHTS), _busy, 2),
    "mostly idle": Film((_CORRIDOR,), _idle, 4),
    "fights": Film((_CORRIDOR, *_FIGHTS), _fights(5, len(_FIGHTS)), 2),
    "rare fights": Film((_CORRIDOR, *_FIGHTS[:4]), _fights(18, 4), 3),
}
