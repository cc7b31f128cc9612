"""What to use next: several ways to learn it, behind one contract."""
