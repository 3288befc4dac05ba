"""A landing page in a real browser, as an iPhone and an iPad see it: scripts run, things are tapped, and what they lead to is noted."""
