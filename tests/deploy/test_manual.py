"""Man pages and shell completion say what the commands say."""

import os
import pty
import shutil
import signal
import subprocess
import time

import pytest
import typer

from deploy.__main__ import files
from deploy.manual import Manual, Option, described, man_page, manuals
from deploy.shells import bash, fish, zsh
from testkit import ROOT
from testkit.patience import LIMIT_S

DEPLOY = ROOT / "deploy"
SMALL = Manual(
    "har-small",
    "Does little. And that slowly.",
    "[OPTIONS] IN",
    (("IN", "What it's given."),),
    (
        Option(("--kind",), "<raw|done>", "Of two: one [default: raw]"),
        Option(("-v", "--verbose"), "", ".hidden is no order"),
    ),
    (),
)


def test_the_files_are_those_that_the_code_gives() -> None:
    made = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for path in (
            *(DEPLOY / "man").iterdir(),
            *(DEPLOY / "completion").iterdir(),
            ROOT / "docs" / "reference.md",
        )
    }
    assert made == files(), "make manual"


def test_every_command_of_the_project_has_a_manual() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    scripts = text.partition("[project.scripts]\n")[2].partition("\n\n")[0]
    assert {line.partition(" ")[0] for line in scripts.splitlines()} == {
        manual.name for manual in manuals()
    }


def test_a_page_has_the_command_its_options_and_their_help() -> None:
    lines = man_page(SMALL).splitlines()
    assert lines[lines.index(".SH NAME") + 1] == "har\\-small \\- does little"
    assert lines[lines.index(".B IN") + 1] == "What it\\(aqs given."
    assert lines[lines.index(".B \\-\\-kind <raw|done>") + 1] == "Of two: one [default: raw]"
    assert lines[lines.index(".B \\-v, \\-\\-verbose") + 1] == "\\&.hidden is no order"


@pytest.mark.parametrize("manual", manuals(), ids=lambda manual: manual.name)
def test_troff_finds_nothing_wrong_with_a_page(manual: Manual) -> None:
    if shutil.which("groff") is None:
        reason = "no groff: apt-get install groff-base (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z"], input=man_page(manual), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["har-monitor", "--hea"], ("--headless", "--health")),
        (["har-monitor", "pa"], ("page", "passwd")),
        (["har-monitor", "probe", "--js"], ("--json",)),
        (["har-monitor", "notify", "sn"], ("snooze",)),
        (["har-monitor", "passwd", "--ro"], ("--role",)),
        (["har-monitor", "--config", "--x"], ()),
        (["har-events", ""], ("list", "show", "export", "rebuild", "prune")),
        (["har-events", "--store", "list"], ()),
        (["har-events", "list", "--mark"], ("--marked",)),
        (["har-events", "list", "--since", ""], ()),
        (["har-export", "--engine", ""], ("fused", "tf2onnx")),
        (["har-export", "model"], ()),
    ],
    ids=" ".join,
)
def test_bash_is_offered_what_fits(words: list[str], expected: tuple[str, ...]) -> None:
    script = (DEPLOY / "completion" / f"{words[0]}.bash").read_text()
    assert completed(script, *words) == set(expected)


def completed(script: str, *words: str) -> set[str]:
    """What the last word may become, by a script for bash."""
    order = """
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    "_${1//-/_}" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{order}", "bash", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_a_key_completes_an_option_in_bash() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "dumb"
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    try:
        order = f". '{DEPLOY / 'completion' / 'har-monitor.bash'}'\nhar-monitor --save\t"
        os.write(terminal, order.encode())
        shown, until = b"", time.monotonic() + LIMIT_S
        while b"har-monitor --save-video " not in shown:
            assert time.monotonic() < until, shown
            shown += os.read(terminal, 4096)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def test_the_other_shells_get_the_same_options_and_values() -> None:
    assert "'*--kind=[Of two\\: one (default\\: raw)]:value:(raw done)'" in zsh(SMALL)
    assert "'*-v[.hidden is no order]'" in zsh(SMALL)
    assert "complete -c har-small -l kind -x -a 'raw done' -d 'Of two: one" in fish(SMALL)
    assert "complete -c har-small -s v -l verbose -d" in fish(SMALL)
    for manual in manuals():
        for name in (name for option in manual.options for name in option.names):
            assert f"{name}=[" in zsh(manual) or f"{name}[" in zsh(manual)
            assert f"-{'l' if name[1] == '-' else 's'} {name.lstrip('-')} " in fish(manual)


def test_commands_within_commands_are_completed_and_described() -> None:
    test = Manual("test", "Try it.", "", (), (Option(("--to",), "<str>", "Whom."),), ())
    notify = Manual("notify", "Tell.", "", (), (Option(("--config",), "<path>", "File."),), (test,))
    manual = Manual("har-small", "Does little.", "", (), (), (notify,))
    assert ".SS har\\-small notify test" in man_page(manual).splitlines()
    assert completed(bash(manual), "har-small", "notify", "") == {"test"}
    assert completed(bash(manual), "har-small", "notify", "test", "-") == {"--config", "--to"}
    assert "'1:command:(test)'" in zsh(manual)
    inside = "complete -c har-small -n '__fish_seen_subcommand_from notify'"
    assert f"{inside} -a test -d 'Try it'" in fish(manual)
    assert f"{inside} -l to -r -F -d 'Whom.'" in fish(manual)


def test_a_quote_in_the_help_ends_no_word_of_a_shell() -> None:
    option = Option(("--of",), "<str>", "the model's")
    manual = Manual("har-small", "Does little.", "", (), (option,), ())
    for text in (zsh(manual), fish(manual)):
        assert "the model'\\''s" in text
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_hidden_options_stay_hidden() -> None:
    app = typer.Typer(add_completion=False)

    @app.command()
    def main(secret: bool = typer.Option(False, "--secret", hidden=True)) -> None:
        """Do little."""

    manual = described("har-small", app)
    assert [option.names for option in manual.options] == [("--help",)]
    assert "--secret" not in bash(manual)
