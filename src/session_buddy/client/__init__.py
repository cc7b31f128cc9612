"""A client of the server, for programs: record, read, follow live."""
