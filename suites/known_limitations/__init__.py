"""Witnesses of what is known to be wrong with the target."""
