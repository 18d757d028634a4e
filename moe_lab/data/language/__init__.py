"""Sequences of tokens: text, and Markov chains whose best prediction is known."""
