"""python -m tests.fuzz.damaged COUNT: load so many damaged models.

It is a process of its own, whose memory is bounded: ONNX Runtime is C++, and could end it.
"""

import random
import resource
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import TARGETS

MEMORY = 6 << 30  # bytes of addresses, most of which are libraries and never touched


def main(count: int) -> None:
    """Change some bytes of a model and load it, again and again; the last input is kept."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    target = TARGETS["model"]
    seeds = target.seeds()
    chance = random.Random(0)
    kept = Path(tempfile.gettempdir()) / "har-damaged.onnx"
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            flipped = data[at] ^ 1 << chance.randrange(8)
            data[at] = chance.choice((chance.randrange(256), flipped, 0, 127, 255))
        kept.write_bytes(data)
        target.check(bytes(data))
    kept.unlink()


if __name__ == "__main__":
    main(int(sys.argv[1]))
