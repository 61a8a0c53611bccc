"""Data: clips and footage found, decoded, cut into windows and split into folds.

May import: recipe, and the modules at the top of train.
"""
