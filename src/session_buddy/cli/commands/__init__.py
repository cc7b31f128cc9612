"""The commands: each parses its arguments, calls a report or a change, and prints what came of it."""
