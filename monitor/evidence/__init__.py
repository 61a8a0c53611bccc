"""What is kept of the cameras: evidence of activities, and what streams send all the time.

Of an activity that is a clip, a snapshot and a filmstrip. All of it is copied to object storage, if
that is wanted, and found wherever it is.

May import: config, decode, events, sources, and the modules at the top of monitor.
"""
