"""Activities for a program that asks for them one by one."""

from collections.abc import Callable, Iterator
from queue import SimpleQueue

from monitor.records import Activity

ROOM = 10_000  # activities that wait to be asked for; of more, the oldest are lost


class Feed:
    """A sink that gives what it takes to whoever iterates over it, until it is closed."""

    name = "feed"

    def __init__(self) -> None:
        self.lost = 0
        self._activities: SimpleQueue[Activity | None] = SimpleQueue()

    @property
    def waiting(self) -> int:
        """Activities that nobody asked for yet: no fault, so none."""
        return 0

    def write(self, activity: Activity) -> None:
        """Keep an activity until it is asked for."""
        if self._activities.qsize() >= ROOM:
            self._activities.get_nowait()
            self.lost += 1
        self._activities.put(activity)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        """End the iteration once everything was taken."""
        self._activities.put(None)

    def __iter__(self) -> Iterator[Activity]:
        return iter(self._activities.get, None)


class Callback:
    """A sink that calls a function with each activity, as it starts and as it ends."""

    name = "callback"
    waiting = lost = 0

    def __init__(self, call: Callable[[Activity], object]) -> None:
        self._call = call

    def write(self, activity: Activity) -> None:
        """Call the function."""
        self._call(activity)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """There is nothing to finish."""
