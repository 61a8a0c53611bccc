"""What is kept of the cameras: evidence of activities, and what streams send all the time.

Of an activity that is a clip, a snapshot and a filmstrip.

May import: config, decode, events, and the modules at the top of monitor.
"""
