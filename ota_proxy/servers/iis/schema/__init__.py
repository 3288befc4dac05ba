"""What IIS's configuration may hold: our own table of the documented sections, or a machine's schema folder (`--iis-schema`)."""
