"""Metrics: how everything does, in figures that Prometheus reads.

May import: health, store, and the modules at the top of monitor.
"""
