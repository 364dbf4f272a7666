"""Train a Keras network whose every iteration is recorded, and which survives being cut off."""
