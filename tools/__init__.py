"""Programs that write parts of the documentation; the package itself does not need them."""
