"""Recipes, one per file: schedules of a training."""
