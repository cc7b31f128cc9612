"""Cross-session learning: what many sessions learned, so that the next one need not.

``community`` compares a user with all, ``recommenders`` say what to use next, ``search`` finds skills by what they are
for, ``clusters`` draws the landscape.
"""
