"""From the bytes of an image file to the input of a model, in the form of MNIST's images."""
