"""Evaluation: scores of clips, alerts in streams, the metrics of both, and the search for rules.

May import: data, fit, recipe, and the modules at the top of train.
"""
