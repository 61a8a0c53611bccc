"""How MP4 files that grow are written: saved videos, and clips of activities."""

from fractions import Fraction

# The usual clock of video: whole ticks for 24, 25, 30 and 60 frames per second.
TICKS_PER_S = 90_000
TIME_BASE = Fraction(1, TICKS_PER_S)
CONTAINER_OPTIONS = {
    # In fragments while it grows, so that a killed process leaves a file that plays; an ordinary
    # MP4 once closed. delay_moov keeps the first frame at 0: without it B-frames shift all times.
    "movflags": "+hybrid_fragmented+frag_keyframe+delay_moov",
    "flush_packets": "1",  # a finished fragment is on disk, not in a buffer of this process
}
