"""Apache httpd 2.4: what a site looks like as its configuration."""
