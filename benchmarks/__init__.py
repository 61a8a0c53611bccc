"""What is measured on the data sets beside the project, and the tables made of it."""
