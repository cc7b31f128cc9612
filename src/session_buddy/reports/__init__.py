"""What commands answer, as values: read from the store, shown by ``screens``, printed as they are by ``--json``."""
