"""Archives: many video files watched in segments by many processes, with the same result as in one.

May import: every room but cli, processes, and the modules at the top of monitor.
"""
