"""Events: alerts, and where they go.

May import: config, and the modules at the top of monitor.
"""
