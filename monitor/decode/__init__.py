"""Decoding: packets of a stream become frames; idle scenes and full cores are spared.

May import: the modules at the top of monitor.
"""
