"""Train Keras networks: every iteration is recorded, and an interrupted training resumes."""
