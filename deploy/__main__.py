"""Write deploy/man and deploy/completion: python -m deploy."""

from pathlib import Path

from deploy.manual import man_page, manuals
from deploy.shells import bash, fish, zsh


def files() -> dict[str, str]:
    """Each file by its path in deploy/, with what it holds."""
    found = {}
    for manual in manuals():
        found[f"man/{manual.name}.1"] = man_page(manual)
        found[f"completion/{manual.name}.bash"] = bash(manual)
        found[f"completion/_{manual.name}"] = zsh(manual)
        found[f"completion/{manual.name}.fish"] = fish(manual)
    return found


if __name__ == "__main__":
    here = Path(__file__).parent
    for name, text in files().items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text, encoding="utf-8")
