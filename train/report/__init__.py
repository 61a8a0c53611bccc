"""Reports: JSON for programs, one HTML page for people.

May import: evaluate, and the modules at the top of train.
"""
