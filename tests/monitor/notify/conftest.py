"""Event stores with an outbox, and what they are filled with."""

from tests.monitor.store.conftest import server, shared_server, store, where

__all__ = ["server", "shared_server", "store", "where"]
