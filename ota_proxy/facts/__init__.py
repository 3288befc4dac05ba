"""What was seen, never what to think of it: frozen values of exchanges, TLS, installs, apps, pages, hosts and configurations, and the levels of proof."""
