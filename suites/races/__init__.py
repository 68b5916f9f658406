"""Operating-system processes racing one another, judged by what must hold whatever their timing."""
