"""Policy is data: media types, the TLS guideline, Apple's ATS suites, certificate lifetimes, server capabilities, agents."""
