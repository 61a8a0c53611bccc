"""The page on what the page costs."""

from benchmarks.web.measure import Lists, Start, Unwatched, Viewers
from benchmarks.web.page import page

DATE = "2026-05-04"


def test_every_result_is_a_row_with_its_figures() -> None:
    text = page(
        [
            Unwatched(date=DATE, cameras=16, stream="busy", without=(0.8, 0.9, 1.0),
                      alone=(0.9, 0.9, 0.9), with_page=(0.99, 0.945, 0.93)),
            Viewers(date=DATE, stream="busy", viewers=20, before=0.15, during=0.25,
                    fragments_s=(25.0, 24.1, 25.2), windows=98, dropped=2),
            Lists(date=DATE, address="/events", events=100_000, p50_ms=11.2, p95_ms=19.8),
            Start(date=DATE, seconds=(1.5, 1.1, 1.2)),
        ]
    )  # fmt: skip

    assert "| with these and the page | 99.0 %, 94.5 %, 93.0 % | 94.5 % | +5.0 % |" in text
    assert "| with event store and evidence | 90.0 %, 90.0 %, 90.0 % | 90.0 % | +0.0 % |" in text
    assert "| 20 | busy | 15.0 % | 25.0 % | 0.50 % | 24.1 to 25.2 | 2 of 100 |" in text
    assert "| `/events` | 100,000 | 11 ms | 20 ms |" in text
    assert "| 1.20 s | 1.10 s | 1.50 s |" in text
