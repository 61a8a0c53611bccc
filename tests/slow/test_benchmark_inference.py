import pytest

from benchmarks.performance.engines import SPEC, measure, multiply_adds
from train.networks.architectures import NETWORKS, build


@pytest.mark.parametrize(
    ("name", "expected"),
    [("convlstm", 181.7), ("lrcn", 68.1), ("convlstm-motion", 89.1)],
)
def test_the_multiply_adds_of_a_network_are_counted(name: str, expected: float) -> None:
    # By hand for the paper's: 9 * 4F * (C + F) at each of H * W places of each frame, and Dense.
    assert multiply_adds(build(name, SPEC, labels=2)) / 1e6 == pytest.approx(expected, abs=0.1)


def test_every_network_is_measured_by_both_engines() -> None:
    costs = measure(rounds=3)

    assert [cost.network for cost in costs] == list(NETWORKS)
    for cost in costs:
        assert cost.fused_ms < cost.tf2onnx_ms
        assert cost.of_roofline > 1
