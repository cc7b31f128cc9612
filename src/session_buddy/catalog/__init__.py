"""The catalogue: which skills there are, what kind they are, what goes with what."""
