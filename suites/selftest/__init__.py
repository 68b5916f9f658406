"""The suite, tested: a green run proves nothing until it has been shown to go red."""
