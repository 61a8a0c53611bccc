"""The networks that the programs run: the shipped one and the paper's.

All programs run the same network; har-monitor runs the shipped one twice for each window, once for
each of its views. The peers get what tf2onnx and Keras make of it, har-monitor gets
what har-export makes of it. Weights do not change the speed of a network, so all but har-monitor's
own are random.
"""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.performance.plan import Network
from export.backend import training_tools
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.shipped import SHIPPED

_ROOT = Path(__file__).parents[2]
_MADE_BY = (
    "export/**/*.py",
    "train/networks/*.py",
    "monitor/models/*",
    "constraints.txt",
)
_ARCH = "convlstm"  # the paper's


@dataclass(frozen=True)
class Models:
    """The files of one network."""

    monitor: Path  # for har-monitor
    onnx: Path  # by tf2onnx
    keras: Path


def made(network: Network, folder: Path) -> Models:
    """The files of a network; made in `folder` if there are none, in a process of its own.

    TensorFlow would stay in the memory of this process.
    """
    own = folder / _key()
    if not (own / "done").is_file():
        own.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", __name__, str(own)], check=True)
        (own / "done").touch()
    monitor = SHIPPED["fight"] if network == "shipped" else own / "paper.onnx"
    return Models(monitor, own / f"{network}-tf2onnx.onnx", own / f"{network}.keras")


def _key() -> str:
    sha = hashlib.sha256()
    for pattern in _MADE_BY:
        for path in sorted(_ROOT.glob(pattern)):
            sha.update(path.read_bytes())
    return sha.hexdigest()[:12]


def _make(folder: Path) -> None:
    with training_tools():
        from export.backend import start_tensorflow
        from export.export import export_model
        from export.keras_file import save_model
        from export.tf2onnx_route import convert
        from train.networks.architectures import NETWORKS

        start_tensorflow()
        own = OnnxClassifier(SHIPPED["fight"]).metadata.model_copy(update={"unknown": None})
        for name, arch, zoom in (("shipped", own.network, own.zoom), ("paper", _ARCH, 1)):
            metadata = own.model_copy(
                update={"network": arch, "name": f"{arch}-untrained", "zoom": zoom}
            )
            model = NETWORKS[arch](metadata.network_clip, len(metadata.labels))
            save_model(model, metadata, folder / f"{name}.keras")
            (folder / f"{name}-tf2onnx.onnx").write_bytes(
                convert(model, metadata).SerializeToString()
            )
        export_model(folder / "paper.keras", folder / "paper.onnx")


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
