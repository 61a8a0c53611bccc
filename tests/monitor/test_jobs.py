"""What is said of jobs."""

import pytest

from monitor.jobs import how_many


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "node", "1 node"),
        (1.0, "CPU", "1 CPU"),
        (2, "process", "2 processes"),
        (0, "CPU", "0 CPUs"),
        (2.5, "CPU", "2.5 CPUs"),
    ],
)
def test_a_number_of_things_is_said_as_one_says_it(number: float, noun: str, said: str) -> None:
    assert how_many(number, noun) == said
