"""har-monitor passwd, as it is typed."""

import json
import subprocess
from pathlib import Path

import pytest

from monitor.web.users import Role, Users, UsersFile
from testkit import ROOT
from testkit.patience import LIMIT_S
from testkit.process import COMMAND
from testkit.terminal import terminal

PASSWORD = "correct horse battery"


def run(
    folder: Path, *arguments: str, password: str = PASSWORD
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "passwd", *arguments],
        cwd=folder,
        input=password + "\n",
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )


def test_a_user_is_added_changed_and_removed(tmp_path: Path) -> None:
    done = run(tmp_path, "ann", "--role", "reviewer", "--camera", "door", "--camera", "yard")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "ann is reviewer in users.json\n"
    user = Users(tmp_path / "users.json").login("ann", PASSWORD)
    assert user is not None
    assert (user.role, user.cameras) == (Role.REVIEWER, frozenset(("door", "yard")))

    assert run(tmp_path, "ann", password="another password").returncode == 0
    users = Users(tmp_path / "users.json")
    assert users.login("ann", PASSWORD) is None
    changed = users.login("ann", "another password")
    assert changed is not None
    assert (changed.role, changed.cameras) == (Role.REVIEWER, frozenset(("door", "yard")))

    assert run(tmp_path, "ann", "--remove").stdout == "ann is removed\n"
    assert UsersFile.read(tmp_path / "users.json").users == {}


def test_a_token_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    done = run(tmp_path, "bot", "--token", "--users", "u.json")
    token = done.stdout.strip()
    assert token.startswith("har_")
    assert token not in (tmp_path / "u.json").read_text()
    user = Users(tmp_path / "u.json").of_token(token)
    assert user is not None
    assert user.name == "bot"


@pytest.mark.parametrize(
    ("arguments", "password", "message"),
    [
        ("ann", "short", "error: a password has 10 to 256 characters\n"),
        ("ann --role king", PASSWORD, "error: --role king: allowed: viewer, reviewer, admin\n"),
        ("ann --remove", PASSWORD, "error: users users.json: no user ann\n"),
        ("a/b", PASSWORD, "none of"),
        ("ann --users none/u.json", PASSWORD, "there is no folder none"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, arguments: str, password: str, message: str) -> None:
    done = run(tmp_path, *arguments.split(), password=password)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "users.json").exists()


def test_a_file_that_is_none_of_ours_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text(json.dumps({"ann": 1}))
    done = run(tmp_path, "bob")
    assert "not a file of har-monitor passwd" in done.stderr
    assert json.loads((tmp_path / "users.json").read_text()) == {"ann": 1}


def test_ctrl_c_leaves_a_terminal_that_shows_what_is_typed(tmp_path: Path) -> None:
    with terminal([*COMMAND, "passwd", "ann"], tmp_path) as shown:
        shown.wait_for("Password:")
        assert not shown.echoes
        shown.type("\x03")
        assert shown.process.wait(LIMIT_S) == 130
        assert shown.echoes
    assert list(tmp_path.iterdir()) == []
