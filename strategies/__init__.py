"""CHOOSE: pure strategies; no database, no pytest."""
