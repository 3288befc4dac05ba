// Runs before every script of a page and its frames. Makes the browser look like the device where pages look,
// and tells of each address that the device would hand to the installer instead of following it.
(({ platform, touches }) => {
  const put = (holder, name, value) => {
    try { Object.defineProperty(holder, name, { get: () => value, configurable: true }); } catch { /* it stays as it is */ }
  };
  put(Navigator.prototype, "platform", platform);
  put(Navigator.prototype, "maxTouchPoints", touches);
  put(Navigator.prototype, "vendor", "Apple Computer, Inc.");
  put(Navigator.prototype, "userAgentData", undefined);
  put(Navigator.prototype, "standalone", false);
  try { delete window.chrome; } catch { /* not ours to delete */ }

  const tell = window.otaProxyFound;
  const meant = (address) => /^[\0-\x20]*itms-services:/i.test(String(address));
  const say = (address) => { try { tell(String(address)); } catch { /* the page is going away */ } };
  if (window.navigation) {
    navigation.addEventListener("navigate", (event) => {
      if (!meant(event.destination.url)) return;
      say(event.destination.url);
      if (event.cancelable) event.preventDefault();
    }, true);
  }
  addEventListener("click", (event) => {
    const anchor = event.composedPath().find((one) => one instanceof Element && one.matches?.("a[href], area[href]"));
    if (!anchor || event.defaultPrevented || !meant(anchor.getAttribute("href"))) return;
    say(anchor.getAttribute("href"));
    event.preventDefault();
  });
  const open = window.open;
  window.open = function (address, ...rest) {
    if (!meant(address)) return open.call(this, address, ...rest);
    say(address);
    return null;
  };
})
