"""Say yes, no or unknown about a history: they read it, and never the clock."""
