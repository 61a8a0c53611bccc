"""The interval of a rate that events were counted for."""

from train.intervals import Interval

_OUTSIDE = 0.05  # 95 % inside


def poisson(count: int, hours: float) -> Interval:
    """The 95 % interval of a rate an hour; from 0 where nothing was counted, to 3 / hours.

    Source: F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 1936. Where
    nothing was counted all of the 5 % lies above.
    """
    from scipy.stats import chi2

    above = _OUTSIDE / 2 if count else _OUTSIDE
    low = float(chi2.ppf(_OUTSIDE / 2, 2 * count)) / 2 if count else 0.0
    return Interval(low / hours, float(chi2.ppf(1 - above, 2 * count + 2)) / 2 / hours)
