"""Notifications: who is told of events, by which rules; the outbox; the targets.

May import: config, events, evidence, health, sources, store, and the modules at the top of monitor.
"""
