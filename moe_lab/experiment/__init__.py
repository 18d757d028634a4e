"""One run: a checked config, its key, its folder from first to last."""
