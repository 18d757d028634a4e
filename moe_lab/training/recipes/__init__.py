"""Recipes: ways to lead a training, a file each."""
