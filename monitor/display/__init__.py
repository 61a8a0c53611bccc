"""Display: what people look at: captions, windows on the screen, videos, the status table.

May import: health, windows, and the modules at the top of monitor.
"""
