"""Notifications: who is told of events, by which rules; the outbox; the targets.

May import config, events, evidence, health, store.
"""
