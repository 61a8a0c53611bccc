"""Evaluation: scores of clips, activities found in streams, and the measures of both.

May import: data, fit, recipe, and the modules at the top of train.
"""
