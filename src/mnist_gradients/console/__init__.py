"""Messages of the command line: short errors, and parameters checked before a run."""
