"""The server: REST, live feed, metrics and pages over one store, in one ASGI process."""
