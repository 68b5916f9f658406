"""Everything a run says, written down: the report."""
