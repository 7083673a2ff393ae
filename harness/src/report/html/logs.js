// What the nodes printed, in time order across nodes: the lines of the visible window that hold the words asked for.

import { element, seconds } from "./format.js";

/** Lines that are shown at a time; more are told by their number, and a narrower window shows them. */
const MOST = 400;

/** Shows the lines of the window; returns how many there are. */
export function showLogs(run, view, list, words) {
  const { times, nodes, texts } = run.logs;
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  let found = 0;
  for (let index = 0; index < times.length; index++) {
    const time = times[index];
    if (time !== null && (time < view.from || time > view.to)) continue;
    const text = `${nodes[index]} ${texts[index]}`.toLowerCase();
    if (!wanted.every((word) => text.includes(word))) continue;
    found++;
    if (rows.length < MOST) rows.push(row(index, time, nodes[index], texts[index], view));
  }
  if (found > MOST) rows.push(element("p", { className: "hint", textContent: `… and ${found - MOST} more: zoom in, or filter` }));
  if (found === 0) rows.push(element("p", { className: "hint", textContent: "Nothing was printed in this time." }));
  list.replaceChildren(...rows);
  return found;
}

function row(index, time, node, text, view) {
  const level = /^(ERROR|WARN|INFO|DEBUG|TRACE)\b/.exec(text)?.[1] ?? "";
  return element(
    "div",
    { className: `line ${level}`, title: `${node}${time === null ? "" : ` at ${seconds(time, 1e3)}`}` },
    element("time", { textContent: time === null ? "" : seconds(time, Math.min(view.span / 1e3, 1e6)) }),
    element("b", { textContent: node }),
    element("span", { textContent: text }),
  );
}
