"""Parameters that have a new name, so that an error message can give it."""

RENAMED: dict[str, str] = {}
