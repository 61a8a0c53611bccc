"""Write deploy/man, deploy/completion and docs/reference.md: python -m deploy."""

from pathlib import Path

from deploy.manual import man_page, manuals
from deploy.reference import reference
from deploy.shells import bash, fish, zsh


def files() -> dict[str, str]:
    """Each file by its path in the project, with what it holds."""
    found = {"docs/reference.md": reference()}
    for manual in manuals():
        found[f"deploy/man/{manual.name}.1"] = man_page(manual)
        found[f"deploy/completion/{manual.name}.bash"] = bash(manual)
        found[f"deploy/completion/_{manual.name}"] = zsh(manual)
        found[f"deploy/completion/{manual.name}.fish"] = fish(manual)
    return found


if __name__ == "__main__":
    here = Path(__file__).parent.parent
    for name, text in files().items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text, encoding="utf-8")
