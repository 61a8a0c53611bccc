"""Sources: webcams, network streams and video files behind one protocol.

May import: decode, and the modules at the top of monitor.
"""
