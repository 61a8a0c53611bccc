"""Which machines may fit the folds of a run."""

from pathlib import Path
from typing import Any

import pytest

from monitor.errors import ConfigError, MonitorError
from monitor.pipeline.monitor import cores
from train.experiment import fold_tasks
from train.experiment.fold_tasks import FoldData, can_fit


def data(packages: dict[str, str]) -> FoldData:
    unread: Any = None
    return FoldData(unread, unread, unread, unread, threads=2, packages=packages)


def test_a_machine_that_reads_the_cache_and_has_the_same_packages_can_fit(tmp_path: Path) -> None:
    frames = tmp_path / "frames.npy"
    own = data(fold_tasks._versions())
    with pytest.raises(MonitorError) as caught:
        can_fit([frames], own)
    assert str(caught.value) == (
        f"{frames}: no such file or directory; --cache must be a folder that all nodes share"
    )
    frames.touch()
    can_fit([frames], own)
    found = own.packages["keras"]
    with pytest.raises(MonitorError, match=rf"^it has keras {found}; 3\.0 is needed$"):
        can_fit([frames], data(own.packages | {"keras": "3.0"}))


def test_a_fit_has_the_threads_that_it_would_have_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, threads in (("0", cores()), ("3", 3)):
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", given)
        assert fold_tasks._threads() == threads
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "many")
    with pytest.raises(ConfigError, match=r"^TF_NUM_INTRAOP_THREADS=many: a number is needed$"):
        fold_tasks._threads()
