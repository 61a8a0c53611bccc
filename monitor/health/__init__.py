"""Health: what is known of each camera, and the file and service manager that are told.

May import: the modules at the top of monitor.
"""
