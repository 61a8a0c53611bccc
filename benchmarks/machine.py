"""The machine on which something was measured, and its software."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import av

from benchmarks.results import Facts

_PACKAGES = ("av", "onnxruntime", "opencv-python", "numpy", "tensorflow", "keras", "tf2onnx")


class Machine(Facts):
    """A machine and its software."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    versions: dict[str, str]


def machine(proc: Path = Path("/proc")) -> Machine:
    """This machine."""
    cpu = _field(proc / "cpuinfo", "model name") or platform.machine()
    features = (_field(proc / "cpuinfo", "flags") or "").split()
    vectors = [name for name in ("avx512f", "avx2") if name in features][:1]
    total_kib = int((_field(proc / "meminfo", "MemTotal") or "0 kB").split()[0])
    return Machine(
        cpu=" ".join([cpu, *(f"({name})" for name in vectors)]),
        cores=os.cpu_count() or 1,
        memory_gib=round(total_kib / 2**20, 1),
        kernel=f"{platform.system()} {platform.release()}",
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    libraries = ".".join(map(str, av.library_versions["libavcodec"]))
    return {
        "Python": platform.python_version(),
        "ffmpeg": ffmpeg.stdout.split()[2],
        "libavcodec in PyAV": libraries,
        **{name: version(name) for name in _PACKAGES},
    }


def _field(path: Path, name: str) -> str | None:
    """The first value of a name in a file of `name : value` lines."""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
