"""The interval of a rate that events were counted for."""

from train.evaluate.intervals import Interval, poisson_mean

_OUTSIDE = 0.05  # 95 % inside


def poisson(count: int, hours: float) -> Interval:
    """The 95 % interval of a rate an hour; from 0 if nothing was counted, to 3 / hours.

    Garwood's. Where nothing was counted all of the 5 % lies above.
    """
    if not count:
        return Interval(0.0, poisson_mean(0, _OUTSIDE) / hours)
    low, high = poisson_mean(count - 1, 1 - _OUTSIDE / 2), poisson_mean(count, _OUTSIDE / 2)
    return Interval(low / hours, high / hours)
