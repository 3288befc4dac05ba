"""IIS by the emulator: a site folder left running, and the engine behind `verify iis`."""
