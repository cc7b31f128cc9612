"""Numbered changes of the schema, and the scripts they are made of."""
