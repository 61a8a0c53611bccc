"""What a window costs with each engine, compared with what the core can do.

Every network has fresh weights and runs one clip at a time on one thread, as in har-monitor. The
runs take turns, so that a busy machine slows all of them alike. The median of the CPU time counts.

The roofline is the time that the multiply-adds of a network would take at the faster of two rates:
that of a large product of matrices, and that of a large convolution. Both run in between.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.performance.measure import Places
from benchmarks.performance.plan import Inference
from benchmarks.performance.results import InferenceResult, Origin, WindowCost
from export.backend import quiet, training_tools
from monitor.cli.command import exit_codes
from monitor.recognition.runtime import onnx_runtime
from monitor.windows.clip import ClipSpec

if TYPE_CHECKING:
    import keras

    from monitor.recognition.metadata import ModelMetadata

SPEC = ClipSpec(frames=20, size=64, fps=10.0)
SIDE = 768  # of the square matrices
CHANNELS, SIZE = 64, 64  # input and output channels of the convolution, and side of its images
WARM_UP = 3  # runs
HEADS = (
    "network",
    "M multiply-adds",
    "tf2onnx ms",
    "fused ms",
    "tf2onnx / fused",
    "roofline ms",
    "fused / roofline",
)
Run = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """What one window of a network costs."""

    network: str
    multiply_adds: int
    tf2onnx_ms: float
    fused_ms: float
    roofline_ms: float

    @property
    def speedup(self) -> float:
        """How many times as fast the fused engine is as tf2onnx."""
        return self.tf2onnx_ms / self.fused_ms

    @property
    def of_roofline(self) -> float:
        """How many times as long as its multiply-adds alone the fused engine takes."""
        return self.fused_ms / self.roofline_ms


def run_inference(job: Inference, places: Places, origin: Origin) -> InferenceResult:
    """Measure every network with every engine, in turns, in a process of its own.

    TensorFlow would stay in the memory of this process.
    """
    places.work.mkdir(parents=True, exist_ok=True)
    out = places.work / "inference.json"
    command = [sys.executable, "-m", __name__, "--rounds", str(job.rounds), "--out", str(out)]
    subprocess.run(command, check=True)
    costs = tuple(WindowCost.model_validate(cost) for cost in json.loads(out.read_text()))
    return InferenceResult(name=job.name, origin=origin, costs=costs)


def measure(rounds: int) -> list[Cost]:
    """The cost of every network, as the median of `rounds` runs of each engine."""
    from export import fused_route, tf2onnx_route
    from monitor.recognition.classifier import OnnxClassifier
    from train.networks.architectures import NETWORKS, build

    clip = np.random.default_rng(0).integers(0, 256, (1, *SPEC.shape), dtype=np.uint8)
    rates = {"matrices": _matrices(), "convolution": _convolution()}
    runs: dict[str, Run] = {name: run for name, (run, _) in rates.items()}
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            model = build(name, SPEC, labels=2)
            counts[name] = multiply_adds(model)
            for route in (tf2onnx_route, fused_route):
                path = Path(folder) / "model.onnx"
                path.write_bytes(route.convert(model, _metadata(name)).SerializeToString())
                classifier = OnnxClassifier(path)
                runs[f"{name} {route.__name__}"] = lambda by=classifier: by.classify(clip)  # type: ignore[misc]
    took_ms = in_turns(runs, rounds)
    rate = max(count / took_ms[name] for name, (_, count) in rates.items())  # per millisecond
    return [
        Cost(
            name,
            count,
            took_ms[f"{name} {tf2onnx_route.__name__}"],
            took_ms[f"{name} {fused_route.__name__}"],
            count / rate,
        )
        for name, count in counts.items()
    ]


def in_turns(runs: Mapping[str, Run], rounds: int) -> dict[str, float]:
    """The median CPU time of each run, in milliseconds; each round runs all of them once."""
    took_ms: dict[str, list[float]] = {name: [] for name in runs}
    for at in range(-WARM_UP, rounds):
        for name, run in runs.items():
            start_s = time.thread_time()
            run()
            if at >= 0:
                took_ms[name].append((time.thread_time() - start_s) * 1000)
    return {name: median(times) for name, times in took_ms.items()}


def multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of one clip: each weight of a kernel is used once at each output place."""
    return sum(_multiply_adds(layer) for layer in model.layers)


def _multiply_adds(layer: keras.Layer) -> int:
    inner = getattr(layer, "layer", None)
    if hasattr(inner, "layers"):  # applied to every frame
        return int(layer.output.shape[1]) * multiply_adds(inner)
    kernels = sum(int(np.prod(w.shape)) for w in layer.weights if w.name.endswith("kernel"))
    if not kernels:
        return 0
    places = int(np.prod(layer.output.shape[1:-1]))
    ends_in_one = getattr(layer, "return_sequences", True) is False
    return kernels * places * (int(layer.input.shape[1]) if ends_in_one else 1)


def _matrices() -> tuple[Run, int]:
    """A product of two square matrices, and its multiply-adds."""
    return _single("MatMul", (SIDE, SIDE), (SIDE, SIDE)), SIDE**3


def _convolution() -> tuple[Run, int]:
    """A convolution of an image of many channels, and its multiply-adds."""
    picture, kernel = (1, CHANNELS, SIZE, SIZE), (CHANNELS, CHANNELS, 3, 3)
    return _single("Conv", picture, kernel, pads=[1] * 4), CHANNELS**2 * 9 * SIZE**2


def _single(kind: str, shape: tuple[int, ...], weights: tuple[int, ...], **attributes: Any) -> Run:
    """An ONNX node with constant weights, run on one thread."""
    from onnx import TensorProto, helper, numpy_helper

    ort = onnx_runtime()
    random = np.random.default_rng(0)
    given: NDArray[np.float32] = random.normal(size=shape).astype(np.float32)
    constant = numpy_helper.from_array(random.normal(size=weights).astype(np.float32), "w")
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node(kind, ["x", "w"], ["y"], **attributes)
    graph = helper.make_graph([node], kind, ports[:1], ports[1:], [constant])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(proto.SerializeToString(), options)
    return lambda: session.run(None, {"x": given})


def _metadata(network: str) -> ModelMetadata:
    from monitor.recognition.metadata import Data, ModelMetadata

    return ModelMetadata(
        name="benchmark",
        network=network,
        version="0",
        created="1970-01-01T00:00:00Z",
        labels=("one", "other"),
        frames=SPEC.frames,
        size=SPEC.size,
        fps=SPEC.fps,
        thresholds={"one": 0.5, "other": 0.5},
        data=Data(name="none", sha256="0" * 64, clips=0, groups=0),
        metrics={},
        evaluation="not trained",
    )


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(help="Runs of each network.", min=1)] = 50,
    out: Annotated[
        Path | None, typer.Option(help="Write the costs to this JSON file instead.")
    ] = None,
) -> None:
    """Print what a window of every network costs with tf2onnx and with the fused engine."""
    console = Console(stderr=True)
    with exit_codes(console):
        with console.status("Converting and measuring"), quiet(), training_tools():
            from export.backend import start_tensorflow

            start_tensorflow()
            costs = measure(rounds)
        if out is not None:
            out.write_text(json.dumps([_kept(cost).model_dump() for cost in costs]))
            return
        lines = [HEADS, *(_cells(cost) for cost in costs)]
        for name, *cells in lines:
            typer.echo(f"{name:<16}" + "".join(f"{cell:>18}" for cell in cells))


def _kept(cost: Cost) -> WindowCost:
    return WindowCost(
        network=cost.network,
        tf2onnx_ms=round(cost.tf2onnx_ms, 3),
        fused_ms=round(cost.fused_ms, 3),
    )


def _cells(cost: Cost) -> tuple[str, ...]:
    return (
        cost.network,
        f"{cost.multiply_adds / 1e6:.1f}",
        f"{cost.tf2onnx_ms:.2f}",
        f"{cost.fused_ms:.2f}",
        f"{cost.speedup:.2f}",
        f"{cost.roofline_ms:.2f}",
        # It says nothing about a network that hardly multiplies.
        f"{cost.of_roofline:.2f}" if cost.multiply_adds >= 1e6 else "-",
    )


if __name__ == "__main__":
    app()
