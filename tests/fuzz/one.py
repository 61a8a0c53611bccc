"""python -m tests.fuzz.one NAME SECONDS FOLDER: one target by atheris, which ends the process."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["monitor", "tests.fuzz.targets"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, seconds: int, found: Path) -> None:
    """Fuzz from the target's seeds; an input that is a finding is saved as FOUND/NAME-KIND-HASH."""
    target = TARGETS[name]
    folder = Path(tempfile.gettempdir())
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = [
        f"-max_total_time={seconds}", f"-artifact_prefix={found}/{name}-", f"-dict={words}",
        "-timeout=10", "-rss_limit_mb=4096", "-max_len=100000", "-verbosity=0",
        "-print_final_stats=1",
    ]  # fmt: skip

    def check(data: bytes) -> None:
        target.check(data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], check)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
