"""Logins: by what their addresses are called, and by what their pages show."""

from __future__ import annotations

import pytest

from ota_proxy.policy.pages import is_login_page, names_login

HOST = "https://ota.example.com"


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/login?next=/m.plist",
        f"{HOST}/users/sign_in",
        f"{HOST}/session/new?return_to=x",
        f"{HOST}/?rd=https://ota.example.com/m.plist",
        f"{HOST}/wp-login.php?redirect_to=https%3A%2F%2Fota.example.com",
        f"{HOST}/Account/Login.aspx?ReturnUrl=%2Fm.plist",
        f"{HOST}/cdn-cgi/access/login/ota.example.com?kid=1",
        f"{HOST}/outpost.goauthentik.io/start?rd=x",
        f"{HOST}/oauth2/start?rd=%2Fm.plist",
        f"{HOST}/oauth2/sign_in",
        f"{HOST}/.auth/login/aad",
        f"{HOST}/my.policy",
        f"{HOST}/simplesaml/saml2/idp/SSOService.php?SAMLRequest=x",
        "https://accounts.google.com/ServiceLogin?continue=x",
        "https://accounts.google.com/o/oauth2/v2/auth?client_id=x",
        "https://login.microsoftonline.com/0-0/oauth2/v2.0/authorize?client_id=x",
        "https://company.okta.com/app/x/sso/saml",
        "https://company.eu.auth0.com/u/start",
        "https://team.cloudflareaccess.com/x",
        "https://kc.example.com/realms/main/protocol/openid-connect/auth?client_id=x",
        "https://auth.example.com/",
        "https://two.example.com/oidc/authz?client_id=x",
        "https://x.example.com/adfs/ls/?wtrealm=x",
        "/gitlab/users/sign_in",
        "/remote/login?lang=en",
    ],
)
def test_the_address_of_a_login_is_known(url: str) -> None:
    assert names_login(url)


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}/m.plist",
        f"{HOST}/cdn/blog/ingress.plist",
        f"{HOST}/builds/catalogin-1.2.plist",
        f"{HOST}/m.plist?X-Amz-Signature=abc&response-content-type=x",
        "https://bucket.s3.amazonaws.com/m.plist?token=x",
        "https://cdn.example.com/m.plist?next=/x",
        "https://[broken",
        "",
        "https://x.example.com/?" + "&".join(f"a{n}=1" for n in range(200)),
    ],
)
def test_other_addresses_are_not(url: str) -> None:
    assert not names_login(url)


@pytest.mark.parametrize(
    "page",
    [
        "<form><input name=p type=password></form>",
        "<form><INPUT TYPE='password'/></form>",
        "<html><title> Sign in · GitLab</title>",
        "<title>Anmelden</title>",
        "<title>统一登录</title>",
        '<form method="post" action="https://idp.example.com/x"><input type="hidden" name="SAMLRequest" value="x"/>',
        '<meta http-equiv="refresh" content="0; url=/users/sign_in">',
        '<form action="https://idp.example.com/connect/authorize?a=1&amp;b=2"></form><script>document.forms[0].submit()</script>',
        "<body onload='document.f.submit()'><form name=f method=post action=/securityRealm/commenceLogin>",
    ],
)
def test_the_page_of_a_login_is_known(page: str) -> None:
    assert is_login_page(page)


@pytest.mark.parametrize(
    "page",
    [
        "<title>Install the app</title><a href=x>",
        "<title>Catalogin</title>",
        "<title>Not found</title>",
        "<input type=text name=password>",
        '<meta http-equiv="refresh" content="0; url=/app/">',
        '<form action="/login"><button>Sign in</button></form><p>This page is not there',
        "<form action=/search></form><script>document.forms[0].submit()</script>",
    ],
)
def test_other_pages_are_not(page: str) -> None:
    assert not is_login_page(page)
