"""What is looked at once, at the end of a run, besides the test split's routing."""
