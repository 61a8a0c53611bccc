"""Other ways to watch many cameras, each a program of its own, written as well as possible.

They take 20 frames of 64x64 at 10 a second and classify a window every half second, as har-monitor
does. They report on standard output, a JSON object a line. SIGTERM ends them.
"""
