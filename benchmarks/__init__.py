"""Measurements on the data sets beside the project, and the pages made of them."""
