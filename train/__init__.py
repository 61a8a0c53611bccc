"""From labelled clips to a trained, tested model: har-train and har-evaluate."""
