"""The event store: activities and what people said of them, in SQLite or PostgreSQL.

May import: events, and the modules at the top of monitor.
"""
