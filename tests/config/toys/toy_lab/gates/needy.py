"""A part whose library is not installed."""
