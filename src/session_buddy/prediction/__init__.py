"""How likely a skill is to complete here and now, and how long it is likely to take."""
