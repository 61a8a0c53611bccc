"""The commands har-train and har-evaluate.

May import: data, experiment, recipe, and the modules at the top of train.
"""
