"""Processes: the cameras of one har-monitor, shared out among several processes.

May import: every room but cli, and the modules at the top of monitor.
"""
