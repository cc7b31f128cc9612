"""What people install into their agents, editors and pipelines."""
