import pytest


@pytest.mark.ota_config(
    "nginx.conf", domain="ota.example.com", root="/srv/ota", cert="/etc/ssl/ota.pem", key="/etc/ssl/ota.key"
)
def test_an_iphone_installs_from_our_nginx(ota_site, ota_device):
    report = ota_device.install(ota_site.base_url)
    assert report.installable
