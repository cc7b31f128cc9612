"""What the importers of all agents share: calls that are not complete yet, skills in use, and how they end."""
