"""The event store, in SQLite or PostgreSQL: activities, and what people said of them.

It also knows how cameras did, what of them was not classified, and which models watched them.

May import: events, and the modules at the top of monitor.
"""
