"""A part whose library is not installed."""

import library_that_nobody_has


class Gate(library_that_nobody_has.Gate):
    """Never defined."""
