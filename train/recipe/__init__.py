"""The recipe of a training run: every option with its default and limits, and its file.

May import: networks, and the modules at the top of train.
"""
