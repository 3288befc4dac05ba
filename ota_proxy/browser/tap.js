// Taps the thing of that number as a finger does: touch, then the mouse events that browsers make of it.
(number) => {
  const one = window.otaProxyTaps?.[number];
  if (!one?.isConnected) return false;
  one.scrollIntoView({ block: "center" });
  const box = one.getBoundingClientRect();
  const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true, cancelable: true, composed: true };
  const touch = new Touch({ identifier: 1, target: one, clientX: at.clientX, clientY: at.clientY });
  const fire = (kind, make) => one.dispatchEvent(make(kind));
  fire("pointerdown", (kind) => new PointerEvent(kind, { ...at, pointerType: "touch", isPrimary: true }));
  fire("touchstart", (kind) => new TouchEvent(kind, { ...at, touches: [touch], targetTouches: [touch], changedTouches: [touch] }));
  fire("pointerup", (kind) => new PointerEvent(kind, { ...at, pointerType: "touch", isPrimary: true }));
  const goesOn = fire("touchend", (kind) => new TouchEvent(kind, { ...at, changedTouches: [touch] }));
  if (goesOn) one.click();
  return true;
}
