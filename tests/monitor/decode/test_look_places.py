"""Places at the cores, shared by real processes."""

import subprocess
import sys
import tempfile

import pytest

from monitor.decode.look_places import LookPlaces, places_file
from testkit.fakes import Clock

TAKE = """
import sys
from monitor.decode.look_places import LookPlaces
print(LookPlaces(2, int(sys.argv[1])).take(0.0), flush=True)
sys.stdin.read()
"""


def test_a_place_that_a_process_held_is_free_when_it_ends() -> None:
    with places_file() as file:
        number = file.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", TAKE, str(number)],
            pass_fds=[number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "0\n"
            places = LookPlaces(2, number)
            assert places.take(0.0) == 1
            assert places.take(0.0) is None
            process.kill()
            process.wait()
        assert places.take(0.0) == 0
        places.free(1)
        assert places.take(0.0) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_who_has_waited_for_much_less_than_another_leaves_the_place_to_others(shared: bool) -> None:
    with places_file() as file:
        clock = Clock()
        places, others = (LookPlaces(1, file.fileno() if shared else None, clock) for _ in range(2))
        others = others if shared else places
        place = places.take(8.0)
        assert place is not None
        places.free(place)
        assert others.take(5.0) is None
        clock.now_s += 1.0
        assert others.take(5.0) is not None, "nobody else came"


def test_one_that_has_waited_far_longer_than_all_others_holds_them_up_for_a_moment_only() -> None:
    places = LookPlaces(1, clock=(clock := Clock()))
    place = places.take(600.0)  # no key frame came
    assert place is not None
    places.free(place)
    assert places.take(5.0) is None
    clock.now_s += 2.0
    assert places.take(7.0) is not None


def test_the_file_of_the_places_needs_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with places_file() as file:
        assert LookPlaces(1, file.fileno()).take(0.0) == 0
