"""The simulated iPhone: asks for what Apple's installer asks for, in its order, and writes down what it saw as frozen facts."""
