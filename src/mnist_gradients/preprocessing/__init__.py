"""From the bytes of any image file to the image that a model sees, made as MNIST's were."""
