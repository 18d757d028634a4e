"""Training: steps, optimizers, recipes, many runs as one program."""
