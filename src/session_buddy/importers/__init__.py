"""Outside formats turned into invocations; no database in sight."""
