"""What editors show beside the files that agents read: figures, faults, names. One server for all of them (LSP)."""
