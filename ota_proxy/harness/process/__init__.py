"""The engines `local` and `embedded`: a scenario as ordinary processes of this machine, in a temporary folder on loopback ports."""
