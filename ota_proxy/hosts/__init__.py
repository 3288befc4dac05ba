"""What a host shows of itself: version, TLS library in use, configuration test, sockets, users, key modes; through testinfra."""
