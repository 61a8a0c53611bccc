"""Where results come from: the machine, its software, and the code that was measured."""

import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import av

from benchmarks.performance.plan import Job
from benchmarks.performance.results import Machine, Origin
from benchmarks.performance.streams import Stream, recipe_key
from benchmarks.recognition.evidence import now
from monitor import __version__

# Raised where the benchmark measures otherwise than before.
METHOD = 1

_ROOT = Path(__file__).parents[2]
_CODE = (
    "monitor/**/*.py",
    "monitor/models/*",
    "export/**/*.py",
    "benchmarks/performance/peers/*.py",
)
_PACKAGES = ("av", "onnxruntime", "opencv-python", "numpy", "tensorflow", "keras", "tf2onnx")


def machine(proc: Path = Path("/proc")) -> Machine:
    """This one."""
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


def origin(job: Job, stream: Stream | None, where: Machine) -> Origin:
    """Of what is measured here and now."""
    sha = hashlib.sha256(repr((METHOD, job, where.cpu, where.cores)).encode())
    if stream is not None:
        sha.update(recipe_key(stream).encode())
    for pattern in _CODE:
        for path in sorted(_ROOT.glob(pattern)):
            sha.update(path.read_bytes())
    return Origin(key=sha.hexdigest()[:16], machine=where, date=now(), version=__version__)


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
    """The first value of that name in a file of `name : value` lines."""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
