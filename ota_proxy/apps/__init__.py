"""What has to be hosted: package, manifest, link, landing page, icon. Made for tests, and read with the device's eyes."""
