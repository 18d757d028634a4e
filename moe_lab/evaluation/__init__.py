"""The look at the test split at the end of a run.

Its routing, and what only the trained model can give: interventions, references, similarities.
"""
