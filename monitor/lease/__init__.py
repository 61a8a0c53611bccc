"""A lease kept while this process works under it: who it is, when it may write, what it then does.

May import: events, store, and the modules at the top of monitor.
"""
