"""Plain networks for one run: the bodies that gates and experts are made of."""
