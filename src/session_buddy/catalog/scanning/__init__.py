"""Skills as they are written down on disk: where, how well, what they cost, and what is wrong with them.

Nothing is run, and no file is changed. Of servers only names are read: no commands, arguments or environments.
"""
