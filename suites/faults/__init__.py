"""Something breaks at every gate of every writing function, and whatever may still be running."""
