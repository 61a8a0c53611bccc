"""Windows: frames are cropped, sampled and kept, and clips are cut that a model takes.

May import: health, and the modules at the top of monitor.
"""
