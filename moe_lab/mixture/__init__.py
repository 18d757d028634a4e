"""Gate and experts as one model; how samples reach their experts."""
