"""Events: where activities go when they start and end.

May import: the modules at the top of monitor.
"""
