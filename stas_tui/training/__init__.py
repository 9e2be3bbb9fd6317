"""Training: the same screens on a simulated world, with decisions that are scored."""
