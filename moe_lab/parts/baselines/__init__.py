"""Baselines: plain networks in place of a mixture, as one expert without a gate."""
