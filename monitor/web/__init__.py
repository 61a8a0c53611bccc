"""The page and its API, in a process of their own beside the watching.

May import: display, events, evidence, health, notify, store, and the modules at the top of monitor.
"""
