"""In-process publish and subscribe."""
