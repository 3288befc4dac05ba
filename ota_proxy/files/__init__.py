"""Files that commands write: rendered configurations, manifests, pages and reports, whole or not at all."""
