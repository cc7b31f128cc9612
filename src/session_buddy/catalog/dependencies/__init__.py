"""What goes with what: which skills are used in the same sessions, which comes first, which follow one another.

``reading`` and ``refreshing`` talk to the store; all else is pure.
"""
