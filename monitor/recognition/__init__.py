"""Recognition: a model file and its metadata, its scores, and activities made of them.

May import: windows, and the modules at the top of monitor.
"""
