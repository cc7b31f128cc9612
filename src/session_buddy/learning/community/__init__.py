"""Communities: how one user does beside the others, and what installations may tell each other of it.

``counts``, ``shrinkage``, ``comparing`` and ``noise`` are arithmetic; ``baselines`` reads what this store knows, and
``sharing`` what others told it. A ``bundle`` is what travels: sums of many users, signed, never a row.
"""
