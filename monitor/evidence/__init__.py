"""Evidence of an activity: a clip of the camera's own packets, a snapshot, a filmstrip.

May import: config, decode, events, and the modules at the top of monitor.
"""
