"""What the property tests of this suite draw."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn(profile: str) -> list[int]:
    numbers = []

    @settings.get_profile(profile)
    @given(st.integers())
    def draw(number: int) -> None:
        numbers.append(number)

    draw()
    return numbers


def test_the_same_is_drawn_each_time_whatever_was_imported_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn("suite")
    code = tmp_path / "numbers.py"
    code.write_text(f"NUMBERS = {list(range(4711, 5711))}")
    module = ModuleType("more_numbers")
    module.__file__ = str(code)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert drawn("suite") == before


def test_make_fuzz_draws_others_each_time() -> None:
    assert drawn("fuzz") != drawn("fuzz")
