"""Fitting: batches, random variations and the training loop.

May import: data, recipe, and the modules at the top of train.
"""
