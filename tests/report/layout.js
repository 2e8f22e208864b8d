// What a browser found out about the page: texts outside their drawing, cut or on each other, and what is wider than its place.
(() => {
  document.querySelectorAll("details").forEach((one) => (one.open = true));
  const inside = 0.5;
  const named = (one) => `${one.closest("section")?.id ?? "head"} ${one.tagName} ${one.textContent.trim().slice(0, 60)}`;
  const found = { page: document.documentElement.scrollWidth, window: innerWidth, outside: [], cut: [], overlaps: [],
    wide: [], scrolling: [], unsaid: [], idle: [], widths: [], smallest: Infinity, margins: {} };
  for (const drawing of document.querySelectorAll("svg")) {
    const box = drawing.getBoundingClientRect();
    if (!box.width) continue;
    const texts = [...drawing.querySelectorAll("text")]
      .filter((text) => text.textContent.trim())
      .map((text) => ({ text, said: text.textContent, at: text.getBoundingClientRect() }));
    const scale = box.width / drawing.viewBox.baseVal.width;
    for (const { text, said, at } of texts) {
      if (at.left < box.left - inside || at.right > box.right + inside || at.top < box.top - inside
        || at.bottom > box.bottom + inside) found.outside.push(named(text));
      if (said.includes("…")) found.cut.push(named(text));
      found.widths.push(`${said} ${(at.width / scale).toFixed(1)}`);
      found.smallest = Math.min(found.smallest, scale * parseFloat(getComputedStyle(text).fontSize));
    }
    found.margins[drawing.closest("section").id] ??= Math.min(...texts.map(({ at }) => (at.left - box.left) / scale));
    texts.forEach((one, index) => texts.slice(index + 1).forEach((other) => {
      // The boxes of two lines touch; a rim is its own text again.
      const across = Math.min(one.at.right, other.at.right) - Math.max(one.at.left, other.at.left);
      const down = Math.min(one.at.bottom, other.at.bottom) - Math.max(one.at.top, other.at.top);
      if (one.said !== other.said && across > 1 && down > 4 * scale) found.overlaps.push(`${named(one.text)} | ${other.said}`);
    }));
  }
  for (const one of document.body.querySelectorAll("*:not(svg, svg *)")) {
    const wider = one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1;
    if (!one.matches(".scroll")) {
      if (wider) found.wide.push(named(one));
      continue;
    }
    const said = getComputedStyle(one, "::before").display !== "none";
    if (wider) found.scrolling.push(named(one));
    if (wider && !said) found.unsaid.push(named(one));
    if (!wider && said && one.clientWidth) found.idle.push(named(one));
  }
  return found;
})()
