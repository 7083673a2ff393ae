// Every text that the page shows, with its colour and that of what lies behind it, as the browser computed them. It changes nothing.
(() => {
  const rgba = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return { parts: [red, green, blue], alpha };
  };
  /** The background that shines through to an element, from the page's paper upwards. */
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduceRight(over, [255, 255, 255]);
  };
  const over = (below, { parts, alpha }) => below.map((part, at) => part * (1 - alpha) + parts[at] * alpha);
  /** A drawing's text lies on the shape that was drawn before it, if it is inside of one. */
  const shape = (text) => {
    const [box, inside] = [text.getBoundingClientRect(), text.parentElement.querySelector(":scope > rect")];
    const bounds = inside?.getBoundingClientRect();
    const fill = inside && getComputedStyle(inside).fill;
    return bounds && fill !== "none" && box.left >= bounds.left && box.left <= bounds.right ? fill : null;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [text, element] = [walker.currentNode.textContent.trim(), walker.currentNode.parentElement];
    const box = element.getBoundingClientRect();
    if (!text || !element.checkVisibility() || box.width * box.height === 0 || element.closest(".hidden")) continue;
    const isDrawn = element instanceof SVGElement;
    const style = getComputedStyle(element);
    const below = isDrawn && shape(element);
    found.push({
      text: text.slice(0, 40),
      colour: rgba(isDrawn ? style.fill : style.color).parts,
      behind: below ? rgba(below).parts : behind(element),
    });
  }
  for (const field of document.querySelectorAll("input[placeholder]")) {
    const colour = rgba(getComputedStyle(field, "::placeholder").color).parts;
    found.push({ text: field.placeholder, colour, behind: behind(field) });
  }
  return found;
})()
