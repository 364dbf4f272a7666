"""What the command line says: short error messages, and unknown parameter names."""
