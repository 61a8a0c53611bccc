"""A label's smoothed scores over time, in few points: why an activity was raised."""

from collections import deque

from monitor.records import TRACE_MAX, Trace

LEAD_S = 10.0  # before an activity, of which the scores are kept, too
_LEAD_MAX = 40  # windows in that time, at most


class ScoreTrace:
    """The scores of one activity, and of the seconds before it.

    In a long activity each point is the highest score of several windows: everywhere as many.
    """

    def __init__(self) -> None:
        self._lead: deque[tuple[float, float]] = deque(maxlen=_LEAD_MAX)
        self._points: list[tuple[float, float]] = []
        self._each = 1  # windows of a point
        self._of_last = 0  # windows of the last point

    def push(self, time_s: float, score: float, *, is_open: bool) -> None:
        """Take the score of the window that ends then; of the activity if it is open."""
        if is_open:
            self._append((time_s, score))
        else:
            self._lead.append((time_s, score))

    def begin(self) -> None:
        """Let an activity begin, with the last window that was pushed."""
        newest_s = self._lead[-1][0]
        self._points = [point for point in self._lead if point[0] >= newest_s - LEAD_S]
        self._each = self._of_last = 1
        self._lead.clear()

    @property
    def points(self) -> Trace:
        """What is known of the activity, in the order of time."""
        return tuple(self._points)

    def _append(self, point: tuple[float, float]) -> None:
        if self._of_last < self._each:
            self._points[-1] = _higher(self._points[-1], point)
            self._of_last += 1
            return
        if len(self._points) == TRACE_MAX:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [_higher(*pair) for pair in pairs]
            self._each *= 2
        self._points.append(point)
        self._of_last = 1


def _higher(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one, other, key=lambda point: point[1])
