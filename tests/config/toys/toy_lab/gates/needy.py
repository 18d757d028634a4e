"""A part whose library is not installed."""

import library_that_nobody_has
