"""Experiments, one for each command: fit and test folds, test a model, tune its rules.

May import: data, evaluate, fit, networks, recipe, report, and the modules at the top of train.
"""
