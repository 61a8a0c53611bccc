"""What a har-monitor holds after its camera was lost many times."""

from dataclasses import dataclass
from pathlib import Path

from testkit.process import Process, har_monitor
from testkit.servers.proxy import Proxy

WARM = 10  # drops until nearly everything was used once
STEPS = 4  # of the drops after them


@dataclass(frozen=True)
class Held:
    """What a process holds of the machine."""

    memory_mib: float
    threads: int
    files: int

    @classmethod
    def by(cls, pid: int) -> "Held":
        """What a process holds now."""
        process = Path(f"/proc/{pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return cls(
            int(status["VmRSS"].split()[0]) / 1024,
            int(status["Threads"]),
            len(list((process / "fd").iterdir())),
        )


def _flows(process: Process, camera: Proxy) -> None:
    packets = camera.packets
    process.wait_for("packets", lambda: camera.packets > packets + 5)


def _decodes(process: Process) -> None:
    """Until all that works on a stream is at work."""
    frames = _frames(process)
    process.wait_for("frames", lambda: _frames(process) > frames)


def _frames(process: Process) -> int:
    return int(process.health["c"]["frames"]) if process.health else 0


def drop(camera: Proxy, model: Path, drops: int) -> list[Held]:
    """Lose a camera's stream so many times, each time as soon as it flows.

    What it holds once it is warm, then in even steps, and in the end.
    """
    soon = {"open_timeout_s": 1, "read_timeout_s": 1, "retry_min_s": 0.1, "retry_max_s": 0.1}
    step = (drops - WARM) // STEPS
    held: list[Held] = []
    with har_monitor({"c": f"{camera.base}/cam"}, model, stream=soon) as process:
        for number in range(drops + 1):
            _flows(process, camera)
            if number == WARM + step * len(held) or number == drops:
                _decodes(process)
                held.append(Held.by(process.popen.pid))
            camera.cut()
        assert process.end() == 0
    return held
