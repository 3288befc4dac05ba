"""Level L1: a small server that behaves as IIS is documented to. It is not IIS; what it does not model it refuses by name.

Where no document decides, it does the following, and only a recording from Windows can tell whether IIS does the same:

- the native redirect to https is a 301 and comes before everything else; access flags come before request filtering, that before the rules of
  the site, these before httpRedirect;
- of several stars in a wildcard the earlier takes as little as it can; MatchAny ends at the first condition that holds; ExactMatch is equality;
- rules after a rewrite to another server do not run; a pattern that takes too many steps is a rewrite error (500.50, 500.52);
- outbound rules and customHeaders reach every answer of IIS itself, 304, 206 and errors too, but none of 500.19 and of the listener's;
- ARR writes the client's host into Location and leaves its scheme; what ARR keeps in memory is not played;
- a URL above the root, and one with an escape that is none, are the listener's 400; alternate data streams and names that Windows would
  shorten are 404.
"""
