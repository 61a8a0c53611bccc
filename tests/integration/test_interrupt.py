"""Ctrl-C ends a command without a traceback, also while it starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.interrupt import EXIT_INTERRUPTED, interruptible
from testkit import ROOT
from testkit.clips import make_clips
from testkit.models import metadata, motion_model
from testkit.process import script

SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"
# Modules imported since Ctrl-C is heeded; Python itself, which starts before, is out of reach.
MOMENTS = {
    "har-monitor": (2, 20, 60, 120, 180, 240, 300, 350, 390, 430, 460, 480),
    "har-train": (2, 100, 300, 600, 1000, 1300),
    "har-evaluate": (2, 100, 300, 450),
    "har-export": (2, 100, 180),
}
SLOW = ("har-train", "har-evaluate", "har-export")
LINES_BYTES = 4096  # that a command may be ahead of the test: some 60 modules


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, tuple[object, ...]]:
    """Real work for each command, with nothing but the CPU to do it on."""
    clips = make_clips(tmp_path / "clips")
    (tmp_path / "train.yaml").write_text("{clip: {frames: 4, size: 16, fps: 10}, arch: svm}")
    labelled = metadata(
        labels=("dark", "light"), background=("dark",), thresholds={"light": 0.5}, frames=4
    )
    model = motion_model(tmp_path / "m.onnx", labelled)
    cache = ("--cache", tmp_path / "cache")
    return {
        "har-monitor": ("--headless", "--realtime", "--source", SAMPLE),
        "har-train": ("--data", clips, "--out", "run", "--config", "train.yaml", *cache),
        "har-evaluate": (model, "--data", clips, "--out", "tested", *cache),
        "har-export": ("gone.keras", "gone.onnx"),
    }


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        pytest.param(name, moment, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, moments in MOMENTS.items()
        for moment in moments
    ],
)
def test_a_command_that_is_interrupted_while_it_starts_ends_without_a_traceback(
    arguments: dict[str, tuple[object, ...]], tmp_path: Path, name: str, moment: int
) -> None:
    """Python says each module that it has imported: a moment is the same on every machine."""
    imported, heeded, words = 0, False, []
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPROFILEIMPORTTIME": "1"}
    with subprocess.Popen(
        [*script(name), *map(str, arguments[name])],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        pipesize=LINES_BYTES,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith("import time:"):
                words.append(line)
            elif heeded:
                imported += 1
                if imported == moment:
                    process.send_signal(signal.SIGINT)
            heeded = heeded or line.endswith(" monitor.cli.interrupt\n")

    assert imported >= moment, "it was interrupted"
    begun = (0,) if name == "har-monitor" else ()  # to watch
    assert process.returncode in (EXIT_INTERRUPTED, *begun), words
    assert not {"Traceback", "error"} & set(" ".join(words).replace(":", "").split())


def test_where_it_has_work_a_command_closes_what_is_open() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: None):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_what_a_library_makes_of_it_is_an_interrupt_too_and_another_error_is_none() -> None:
    def library() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException:
            raise SystemError("bad argument to internal function") from None

    with pytest.raises(KeyboardInterrupt), interruptible(lambda: None):
        library()
    with pytest.raises(SystemError, match="a fault"), interruptible(lambda: None):
        raise SystemError("a fault")


def ran(lines: str) -> tuple[int, str]:
    """A program that interrupts itself: its exit code, and what it wrote."""
    program = f"import signal\nfrom monitor.cli.interrupt import *\n{lines}"
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.returncode, done.stdout


PRESS = "signal.raise_signal(signal.SIGINT)"


def test_a_second_one_waits_for_nothing() -> None:
    assert ran(
        f"with interruptible(print):\n  try:\n    {PRESS}\n"
        f"  finally:\n    print('closing')\n    {PRESS}\n    print('closed')"
    ) == (EXIT_INTERRUPTED, "closing\n")


def test_one_that_a_library_loses_is_raised_again_but_never_where_it_is_handled() -> None:
    code, said = ran(
        "import time\nimport monitor.cli.interrupt as i\ni._AGAIN_S = 0.2\n"
        f"with interruptible(print):\n  try:\n    {PRESS}\n  except BaseException:\n    pass\n"
        "  try:\n    time.sleep(60)\n  finally:\n    print('closing')\n    time.sleep(1)\n"
        "    print('closed')"
    )
    assert code == -signal.SIGINT
    assert said.startswith("closing\nclosed\nTraceback"), "of this program, which catches nothing"


def test_an_import_is_not_unwound_and_the_cursor_is_shown(tmp_path: Path) -> None:
    (tmp_path / "heavy.py").write_text(
        f"import signal\ntry:\n  {PRESS}\nexcept BaseException:\n  raise ImportError from None\n"
    )
    assert ran(
        f"import sys\nsys.path.append({str(tmp_path)!r})\n"
        "with interruptible(lambda: print('shown')):\n  import heavy"
    ) == (EXIT_INTERRUPTED, "shown\n")


def test_in_the_background_where_a_shell_has_it_ignored_it_stays_so() -> None:
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    assert ran(
        f"{ignored}\nstart_command()\n{PRESS}\n"
        f"with interruptible(print):\n  {PRESS}\n  print('goes on')"
    ) == (0, "goes on\n")
