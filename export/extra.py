"""The packages that training and exporting need and watching does not."""

from collections.abc import Iterator
from contextlib import contextmanager

from monitor.errors import MonitorError


@contextmanager
def training_tools() -> Iterator[None]:
    """A MonitorError that says what to install where one of them is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MonitorError(
            f"training needs {error.name}: in har-monitor's folder, run make train-tools, "
            "or pip install '.[train]'"
        ) from error
