"""The look at the test split at the end of a run.

It stores the routing, and results that need the trained model: interventions, references, similarities.
"""
