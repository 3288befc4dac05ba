// Lists what a finger can reach, and taps one of them. `words`: texts of things that install, `never`: texts of things left alone.
({ words, never, most }) => {
  const shown = (one) => {
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    return box.width > 3 && box.height > 3 && style.visibility !== "hidden" && style.display !== "none" && Number(style.opacity) > 0.01 && style.pointerEvents !== "none";
  };
  const all = (root, found = []) => {
    for (const one of root.querySelectorAll("*")) {
      if (found.length >= 5000) break;
      found.push(one);
      if (one.shadowRoot) all(one.shadowRoot, found);
    }
    return found;
  };
  const elements = all(document);
  const links = elements.filter((one) => one.matches("a[href], area[href]") && /^[\0-\x20]*itms-services:/i.test(one.getAttribute("href")) && shown(one));
  const tappable = "a, button, summary, label, [role=button], [onclick], [tabindex], input[type=button], input[type=submit], input[type=image]";
  const pointer = (one) => getComputedStyle(one).cursor === "pointer" && !(one.parentElement && getComputedStyle(one.parentElement).cursor === "pointer");
  const rated = [];
  for (const one of elements) {
    if (!(one.matches(tappable) || pointer(one)) || one.disabled || links.includes(one) || !shown(one)) continue;
    const label = [one.innerText, one.value, one.getAttribute("aria-label"), one.title, one.querySelector?.("img")?.alt].filter((part) => typeof part === "string").join(" ").replace(/\s+/g, " ").trim().slice(0, 200);
    const name = `${label} ${one.id} ${typeof one.className === "string" ? one.className : ""}`.toLowerCase();
    if (never.some((word) => name.includes(word)) || one.hasAttribute("download")) continue;
    const address = one.matches("a[href]") ? one.href : "";
    const wanted = words.some((word) => name.includes(word));
    const elsewhere = /^(?:mailto|tel|sms|market|intent):/i.test(address) || (/^https?:/i.test(address) && new URL(address).origin !== location.origin);
    if (elsewhere && !wanted) continue;
    const posts = one.form && (one.form.method || "").toLowerCase() === "post" && one.type !== "button";
    if (posts && !wanted) continue;
    rated.push({ one, label, wanted });
  }
  rated.sort((left, right) => Number(right.wanted) - Number(left.wanted));
  window.otaProxyTaps = rated.slice(0, most).map(({ one }) => one);
  return {
    links: links.slice(0, 200).map((one) => one.getAttribute("href")),
    taps: rated.slice(0, most).map(({ label, wanted }) => ({ label: label.slice(0, 60), wanted })),
    text: (document.body?.innerText ?? "").slice(0, 200000),
  };
}
