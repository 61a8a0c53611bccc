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
print(LookPlaces(2, int(sys.argv[1])).take(0.0, 0.0), flush=True)
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
            assert places.take(0.0, 0.0) == 1
            assert places.take(0.0, 0.0) is None
            process.kill()
            process.wait()
        assert places.take(0.0, 0.0) == 0
        places.free(1)
        assert places.take(0.0, 0.0) == 1


READY_S = 0.25


@pytest.mark.parametrize("shared", [False, True])
def test_who_has_waited_for_much_less_than_another_leaves_the_place_to_it(shared: bool) -> None:
    with places_file() as file:
        clock = Clock(100.0)
        places = LookPlaces(1, file.fileno() if shared else None, clock)
        # It has no place for anybody. (Locks of one process do not hold each other up.)
        another = LookPlaces(0, file.fileno(), clock) if shared else places
        held = None if shared else places.take(99.0, READY_S)
        assert another.take(90.0, READY_S) is None
        if held is not None:
            places.free(held)
        assert places.take(93.0, READY_S) is None, "another has waited for ten seconds, not seven"
        place = places.take(90.0, READY_S)
        assert place is not None
        places.free(place)
        assert places.take(93.0, READY_S) is not None, "nobody has waited for longer any more"


def test_who_cannot_look_any_more_holds_nobody_up() -> None:
    places = LookPlaces(1, clock=(clock := Clock(1000.0)))
    place = places.take(999.0, READY_S)
    assert place is not None
    assert places.take(400.0, READY_S) is None
    places.free(place)
    assert places.take(995.0, READY_S) is None
    clock.now_s += READY_S
    assert places.take(995.0, READY_S) is not None, "nobody else came"


def test_the_file_of_the_places_needs_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with places_file() as file:
        assert LookPlaces(1, file.fileno()).take(0.0, 0.0) == 0
