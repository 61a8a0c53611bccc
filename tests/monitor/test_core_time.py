"""How long a thread had a core, and waited for one."""

import threading
import time

from monitor.core_time import CoreTime, core_time
from testkit.fakes import Clock


def test_a_thread_that_waits_for_most_of_the_time_is_starved() -> None:
    clock, times = Clock(), [0.0, 0.0]
    core = CoreTime(clock, lambda: (times[0], times[1]))

    def passed(had_s: float, waited_s: float) -> bool | None:
        clock.now_s += 1.0
        times[0] += had_s
        times[1] += waited_s
        return core.starved()

    assert passed(0.6, 0.4) is False
    assert passed(0.2, 0.8) is True
    assert passed(0.001, 0.01) is False, "it has hardly anything to do"
    assert core.starved() is None, "once a second"
    assert passed(0.0, 0.0) is False


def test_the_kernel_tells_it_of_the_thread_that_asks() -> None:
    def work() -> None:
        before_s, _ = core_time()
        began_s = time.thread_time()
        while time.thread_time() - began_s < 0.1:
            pass
        found.append(core_time()[0] - before_s)

    found: list[float] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert 0.09 <= found[0] <= 0.2
