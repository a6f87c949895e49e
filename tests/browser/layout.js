// Whether a page can be read: runs in the page, and returns what is wrong, as sentences.
export function misprints() {
  const wrong = [];
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) wrong.push(`the page is ${page.scrollWidth} px wide, the screen ${innerWidth}`);

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (!text || !element.checkVisibility() || element.closest('.unseen, noscript, script')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const { left, right, top, bottom } of range.getClientRects()) {
      // A line's box is taller than what is printed in it.
      const margin = (bottom - top) * 0.2;
      texts.push({ text, element, left, right, top: top + margin, bottom: bottom - margin });
    }
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 12) wrong.push(`"${text}" is printed in ${size} px`);
  }
  if (texts.length === 0) wrong.push('there is no text');

  for (const { text, element, left, right, top, bottom } of texts) {
    for (let box = element; box; box = box.parentElement) {
      if (box !== document.body && getComputedStyle(box).overflowX === 'visible') continue;
      const edge = box === document.body ? { left: 0, right: innerWidth, top: -Infinity, bottom: Infinity } : box.getBoundingClientRect();
      if (left < edge.left - 1 || right > edge.right + 1 || top < edge.top || bottom > edge.bottom) wrong.push(`"${text}" is cut off`);
    }
    for (let box = element; box; box = box.parentElement) {
      const { overflowX } = getComputedStyle(box);
      if (overflowX !== 'visible' && box.scrollWidth > box.clientWidth) wrong.push(`"${text}" stands in what has to be scrolled`);
    }
  }
  texts.forEach((one, index) => {
    for (const other of texts.slice(index + 1)) {
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (width > 2 && height > 0) wrong.push(`"${one.text}" and "${other.text}" overlap`);
    }
  });
  return wrong;
}
