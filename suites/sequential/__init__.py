"""Each promise that one session can show, once: a plain example of what the clause says."""
