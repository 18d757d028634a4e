"""Recording the routing of a model of transformers while it runs."""
