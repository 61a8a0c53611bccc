"""What is held against any input from outside, by hypothesis and by `python -m tests.fuzz`."""
