import os

PORT = os.environ.get("OTA_HTTPS_PORT", "8443")


def test_an_iphone_installs_from_the_stack(ota_device):
    there = f"ota.example.com:{PORT}:127.0.0.1"
    report = ota_device.check(f"https://ota.example.com:{PORT}/", resolve=there, ca="certs/client.pem")
    assert report.installable
