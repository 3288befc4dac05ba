"""What already runs: a live URL asked as a device asks, judged, and reported; one target or thousands."""
