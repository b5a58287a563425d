"""Found by listing this directory, never by name."""
