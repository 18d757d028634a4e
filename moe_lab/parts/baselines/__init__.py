"""Baselines: plain networks that stand in for a mixture, as one expert and no gate."""
