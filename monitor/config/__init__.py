"""Configuration: every option with its default and limits, and the YAML files that set them.

May import: recognition, sources, windows, and the modules at the top of monitor.
"""
