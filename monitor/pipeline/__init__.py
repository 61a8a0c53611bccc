"""The pipeline: the threads from a camera to its activities, and how they stop.

May import: every room but cli, processes, scan, and the modules at the top of monitor.
"""
