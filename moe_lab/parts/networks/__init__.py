"""Plain networks for one run: the bodies of gates and experts."""
