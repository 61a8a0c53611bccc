"""Cameras in one process, and in several."""
