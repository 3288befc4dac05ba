"""Level L1: a small server that behaves as IIS is documented to. It is not IIS; what it does not model it refuses by name."""
