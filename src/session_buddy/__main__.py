"""``python -m session_buddy`` is the command ``session-buddy``."""

from session_buddy.cli import main

if __name__ == "__main__":
    main()
