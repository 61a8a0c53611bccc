"""The commands har-train and har-evaluate.

May import: data, evaluate, experiment, fit, recipe, and the modules at the top of train.
"""
