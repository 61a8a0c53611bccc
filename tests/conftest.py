"""What every test is held to, and what many of them use."""

import logging
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers

from testkit import DATA, SHARED_DATA
from testkit.patience import LIMIT_S, Stopwatch
from testkit.servers.certificates import Certificates, make_certificates

SLOW = Path(__file__).with_name("slow")
THREAD_LIMIT_S = 2.0  # for a thread that was told to end and is on its way


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks and the hypothesis profiles of this suite."""
    # A shared machine may be slow at any moment.
    unhurried = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
    hypothesis.settings.register_profile("suite", **unhurried, derandomize=True, database=None)
    hypothesis.settings.register_profile("fuzz", **unhurried, derandomize=False, database=None)
    # Else every number that is added to the code, or to what was imported, changes what is drawn.
    providers.is_local_module_file = lambda path: False
    hypothesis.settings.load_profile("suite")  # an option --hypothesis-profile comes after it
    config.addinivalue_line("markers", "expects_errors: the test logs at level ERROR on purpose")
    config.addinivalue_line("markers", "slow: the test takes long; all of tests/slow do")
    # What is ignored here would be ignored by the commands that the tests start and signal: under
    # nohup, or in the background of a script.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the folder tests/slow."""
    for item in items:
        if SLOW in item.path.parents:
            item.add_marker(pytest.mark.slow)


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def _the_same_pauses() -> None:
    random.seed(1)  # a capture draws its pauses


@pytest.fixture(autouse=True)
def _no_error_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    yield
    logging.getLogger().removeHandler(errors)
    if errors.lines and request.node.get_closest_marker("expects_errors") is None:
        pytest.fail("logged as an error:\n" + "\n".join(errors.lines), pytrace=False)


@pytest.fixture(autouse=True)
def _no_logger_is_left_quieter() -> Iterator[None]:
    yield
    known = logging.getLogger().manager.loggerDict
    ours = [logging.getLogger(name) for name in tuple(known) if name.split(".")[0] == "monitor"]
    left = [logger for logger in ours if logger.level or logger.disabled]
    for logger in left:
        logger.setLevel(logging.NOTSET)
        logger.disabled = False
    if left:
        names = ", ".join(logger.name for logger in left)
        pytest.fail(f"loggers that later tests would not hear: {names}", pytrace=False)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    watch = Stopwatch()
    left = []
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT_S)
        if thread.is_alive() or watch.seconds > THREAD_LIMIT_S:
            left.append(thread.name)
    if left:
        pytest.fail(f"threads left alive: {', '.join(left)}", pytrace=False)


@pytest.fixture(scope="session")
def object_storage() -> None:
    """The thread that fsspec keeps for all that it is asked is there before a test begins."""
    from fsspec.asyn import get_loop

    get_loop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data sets that lie beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the data sets, which are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def fight_clip() -> Path:
    """4.8 s of a real surveillance camera, 480x360, 29.97 frames per second, no B frames."""
    return DATA / "fight.mp4"


@pytest.fixture(scope="session")
def nofight_clip() -> Path:
    """3.4 s of a real surveillance camera, 480x360, 25 frames per second, with B frames."""
    return DATA / "nofight.mp4"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server certificate it signed, and an authority that did not."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
