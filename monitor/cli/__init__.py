"""The command har-monitor, and what all commands share.

May import: every other room, and the modules at the top of monitor.
"""
