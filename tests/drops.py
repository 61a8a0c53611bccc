"""What a har-monitor holds after its camera was lost many times."""

from dataclasses import dataclass
from pathlib import Path

from tests.process import Process, har_monitor
from tests.servers.proxy import Proxy

WARM = 10  # drops until everything was used once


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


def _wait(process: Process, camera: Proxy, packets: int) -> None:
    process.wait_for("packets", lambda: camera.packets > packets + 5)


def drop(camera: Proxy, model: Path, drops: int) -> tuple[Held, Held]:
    """Lose a camera's stream so many times, each time as soon as it flows; before and after."""
    soon = {"open_timeout_s": 1, "read_timeout_s": 1, "retry_min_s": 0.1, "retry_max_s": 0.1}
    with har_monitor({"c": f"{camera.base}/cam"}, model, stream=soon) as process:
        before = None
        for number in range(drops):
            packets = camera.packets
            _wait(process, camera, packets)
            if number == WARM:
                before = Held.by(process.popen.pid)
            camera.cut()
        packets = camera.packets
        _wait(process, camera, packets)
        after = Held.by(process.popen.pid)
        assert process.end() == 0
    assert before is not None
    return before, after
