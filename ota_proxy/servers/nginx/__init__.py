"""nginx: what a site looks like as its configuration."""
