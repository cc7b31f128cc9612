"""Clusters of skills, and the map on which they lie.

``features`` say how alike skills are, ``partition`` finds clusters, ``naming`` names them, ``matching`` keeps their
ids, ``projection`` draws the map: all pure. ``refreshing`` does it for a store, ``landscape`` is what it keeps there.
"""
