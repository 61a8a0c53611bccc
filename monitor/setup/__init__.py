"""Setting up: what a camera sends, which cameras there are, and the configuration that suits them.

May import: config, decode, recognition, sources, windows, and the modules at the top of monitor.
"""
