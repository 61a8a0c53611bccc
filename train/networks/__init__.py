"""Networks that har-train can fit, and the classical classifiers beside them.

May import: the modules at the top of train.
"""
