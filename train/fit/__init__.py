"""Fitting: batches, random variations and the training loop.

May import: data, networks, recipe, and the modules at the top of train.
"""
