"""How costs grow with the rows that lie there and with the workers. Run by `uv run pytest suites/benchmarks`."""
