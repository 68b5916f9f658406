"""JUDGE: the tests and their oracles."""
