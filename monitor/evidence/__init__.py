"""Evidence: a clip of what happened, from the camera's own packets.

May import: config, decode, events, and the modules at the top of monitor.
"""
