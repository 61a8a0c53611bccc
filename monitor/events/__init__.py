"""Events: alerts, and where they go.

May import: the modules at the top of monitor.
"""
