"""Every order of the statements of functions that run at the same time."""
