"""Server blocks about which our answer once was wrong, or may easily be: name, lines, and requests (target, header fields).

`@ROOT@` is the folder of files, `@UP@` an upstream that answers with the URI it was asked for.
"""

from __future__ import annotations

GZIP, RANGE, BEHIND = "Accept-Encoding: gzip", "Range: bytes=0-9", "Range: bytes=999999-"

CASES: list[tuple[str, str, list[tuple[str, ...]]]] = [
    ("auth_basic without a file declines", "auth_basic x;", [("/ota/app.ipa",)]),
    ("auth_basic twice", "auth_basic x; auth_basic_user_file @ROOT@/pw; error_page 401 = @n; location @n { proxy_pass http://@UP@; }", [("/ota/app.ipa",)]),
    ("satisfy any", "satisfy any; deny all; auth_basic x; auth_basic_user_file @ROOT@/pw;", [("/ota/app.ipa",), ("/none",)]),
    ("charset of redirects", "charset utf-8; location /m { return 301 /x; } location /s { return 308 /x; }", [("/m",), ("/s",), ("/ota",), ("/none",)]),
    ("error_page 301 keeps Location", "error_page 301 /errors/e.txt;", [("/ota",), ("/list",)]),
    ("internal is passed down", "location /ota { internal; location = /ota/app.plist { add_header X-A 1; } }", [("/ota/app.plist",)]),
    ("gzip_static has no ranges", "gzip_static always;", [("/ota/style.css", RANGE), ("/ota/style.css", GZIP), ("/ota/app.ipa", RANGE)]),
    ("last-modified only for 200, 206, 304", "error_page 404 /errors/404.html; add_header Last-Modified $none; set $none abc;", [("/none",), ("/errors/404.html",)]),
    ("if-none-match star on text", "location / { return 200 x; }", [("/", "If-None-Match: *"), ("/", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT")]),
    ("folder without its folder", "index none.html /index.html;", [("/api/",), ("/ota/",), ("/empty/",)]),
    ("captures are forgotten", "location ~ /(\\w+)\\.ipa$ { rewrite ^/old/(.*)$ /ota/$1; alias @ROOT@/ota/$1.ipa; }", [("/ota/app.ipa",), ("/x/app.ipa",)]),
    ("captures are kept", "location ~ /(\\w+)\\.ipa$ { alias @ROOT@/ota/$1.ipa; add_header X-A $1; }", [("/ota/app.ipa",), ("/x/app.ipa",)]),
    ("try_files with a slash redirects", "location / { try_files $uri $uri/ =404; }", [("/ota",), ("/ota/",), ("/",), ("/none",)]),
    ("the slash of a proxied location", "location = /api/ { proxy_pass http://@UP@; port_in_redirect off; } location /api/ { return 200 x; }", [("/api",), ("/api/",), ("/api/x",)]),
    ("416 keeps what it had", "add_header Cache-Control no-store always; expires 0; error_page 416 /errors/e.txt;", [("/ota/app.ipa", BEHIND), ("/ota/app.ipa", "Range: bytes=-0")]),
    ("416 of its own page", "add_header X-A 1 always; add_header Last-Modified x;", [("/ota/app.ipa", BEHIND)]),
    ("set without being run is empty", 'add_header X-A "$kind" always; add_header X-B a$kind; if ($arg_q) { set $kind 1; }', [("/",), ("/?q=1",)]),
    ("limit_except leaves rewrites out", "location / { limit_except POST { allow all; } return 200 x; }", [("/index.html",)]),
    ("two ifs, the last one wins", "location / { if ($uri ~ p) { add_header X-A 1; } if ($uri ~ a) { add_header X-B 1; } }", [("/ota/app.plist",)]),
    ("try_files is gone in an if", "location / { try_files /none /index.html; if ($arg_x) { add_header X-A 1; } }", [("/ota/none?x=1",), ("/ota/none",)]),
    ("error_page twice, the first counts", "error_page 404 = @n; error_page 404 /errors/404.html; location @n { return 200 x; }", [("/none",)]),
    ("return with text passes error_page by", "error_page 403 /errors/e.txt; location /a { return 403 no; } location /b { return 403; }", [("/a",), ("/b",)]),
    ("a rewritten URI and alias", "location /old/ { rewrite ^/old/(.*)$ /ota/$1 break; alias @ROOT@/ota/; }", [("/old/app.ipa",)]),
    ("proxy_pass after break", "location /old/ { rewrite ^/old/(.*)$ /new/$1 break; proxy_pass http://@UP@/base/; }", [("/old/a%20b?x=1",)]),
    ("proxy_pass forms", "location /a/ { proxy_pass http://@UP@; } location /b/ { proxy_pass http://@UP@/v/; } location ~ ^/c { proxy_pass http://@UP@; }", [("/a/x%2Fy?z",), ("/b/x%20y",), ("/c/d/../e",), ("/b/",)]),
    ("sub_filter takes the length", "sub_filter a b;", [("/",), ("/ota/app.ipa", RANGE)]),
    ("sub_filter takes validators too", "sub_filter a b; add_header Last-Modified x; add_header ETag y;", [("/ota",), ("/",), ("/ota/app.ipa",)]),
    ("status in a header", "add_header X-S $status always; location /s { return 404; } location /t { return 302 /x; }", [("/",), ("/s",), ("/t",), ("/none",)]),
    ("gzip of pages", "gzip on; gzip_vary on; gzip_min_length 100;", [("/none", GZIP), ("/none",), ("/", GZIP)]),
    ("types in any case", "types { text/x PLIST; }", [("/ota/app.plist",), ("/ota/app.PLIST",), ("/ota/noext",)]),
    ("an empty default type", "default_type '';", [("/ota/noext",)]),
    ("merge_slashes off", "merge_slashes off;", [("//ota//app.ipa",)]),
    ("nested regular expressions", "location /ota/ { add_header X-A 1; location ~ plist$ { add_header X-B 1; } } location ~ ipa$ { add_header X-C 1; }", [("/ota/app.plist",), ("/ota/app.ipa",)]),
    ("the longest name that asks no pattern", "location ^~ /ota { location /ota/sub { return 200 x; } } location ~ png$ { return 403; }", [("/ota/sub/icon.png",), ("/ota/x.png",)]),
    ("ten redirects", "location / { rewrite ^ /x last; }", [("/",)]),
    ("error pages in a circle", "error_page 404 /none; recursive_error_pages on;", [("/none",)]),
    ("status of a redirected error page", "error_page 404 =301 /errors/404.html; error_page 403 https://h.example/; location /f { return 403; }", [("/none",), ("/f",)]),
    ("rewrite and arguments", "rewrite ^/a$ /b?x=1 permanent; rewrite ^/c$ /d? permanent; rewrite ^/e$ /f redirect;", [("/a?y=2",), ("/c?y=2",), ("/e?y=2",), ("/a",)]),
    ("ranges", "", [("/ota/app.ipa", "Range: bytes=-5"), ("/ota/app.ipa", "Range: bytes=2990-9999999"), ("/ota/app.ipa", "Range: bytes=5-4"), ("/ota/app.ipa", "Range: items=0-1"), ("/ota/app.ipa", RANGE, 'If-Range: "x"')]),
    ("expires by a map", "expires $life; default_type application/octet-stream;", [("/",), ("/ota/app.ipa",), ("/ota/app.plist",)]),
    ("a bad request has no URI", 'add_header X-B "$uri $request_uri $args" always;', [("/..",), ("/%",)]),
    ("304 of a compressed file", "gzip_static always; gzip_vary on;", [("/ota/style.css", "If-None-Match: *", GZIP), ("/ota/style.css",)]),
    ("gzip_static varies", "gzip_static on; gzip_vary on;", [("/ota/style.css", GZIP), ("/ota/style.css",), ("/ota/app.ipa", GZIP)]),
    ("416 tests the first type", "charset koi8-r; error_page 416 /errors/e.txt; gzip on; gzip_types *; gzip_min_length 0;", [("/ota/app.PLIST", BEHIND, GZIP), ("/ota/a%20b.txt", BEHIND)]),
    ("a folder's name is escaped", "location /ota/ { alias @ROOT@/list/; } location ~ ^/x/(.*)$ { alias @ROOT@/list; }", [("/x/a%20b%25",), ("/x/%C3%A4?q=%20",)]),
    ("absolute_redirect off", "absolute_redirect off; location /r { return 302 /x; }", [("/ota",), ("/r",)]),
    ("server_name_in_redirect", "server_name_in_redirect on;", [("/ota",)]),
]  # fmt: skip
