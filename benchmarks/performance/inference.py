"""What one window of each network costs by itself, in a process of its own.

TensorFlow, which it needs, would stay in the memory of this one.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.performance.measure import Places
from benchmarks.performance.plan import Inference
from benchmarks.performance.results import InferenceResult, Origin, WindowCost
from export.backend import training_tools


def run_inference(job: Inference, places: Places, origin: Origin) -> InferenceResult:
    """Measure every network by every engine, in turns."""
    places.work.mkdir(parents=True, exist_ok=True)
    out = places.work / "inference.json"
    subprocess.run([sys.executable, "-m", __name__, str(job.rounds), str(out)], check=True)
    costs = tuple(WindowCost.model_validate(cost) for cost in json.loads(out.read_text()))
    return InferenceResult(origin=origin, costs=costs)


def _measure(rounds: int, out: Path) -> None:
    with training_tools():
        from benchmarks.performance.engines import measure
        from export.backend import start_tensorflow

        start_tensorflow()
        costs = [
            WindowCost(
                network=cost.network,
                tf2onnx_ms=round(cost.tf2onnx_ms, 3),
                fused_ms=round(cost.fused_ms, 3),
            )
            for cost in measure(rounds)
        ]
    out.write_text(json.dumps([cost.model_dump() for cost in costs]))


if __name__ == "__main__":
    _measure(int(sys.argv[1]), Path(sys.argv[2]))
