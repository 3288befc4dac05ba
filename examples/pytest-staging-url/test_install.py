def test_an_iphone_installs_from_staging(ota_site, ota_device):
    report = ota_device.install(ota_site.base_url)
    assert report.installable
    assert not report.warnings
