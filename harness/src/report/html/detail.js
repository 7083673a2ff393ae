// What was chosen, in words: an operation, a fault, a mark. It draws nothing on a canvas.

import { duration, element, seconds } from "./format.js";
import { operationAt } from "./data.js";

const LONGEST = 4000;

/** Rows of names and values; without those that nothing is known of. */
function table(title, rows) {
  const list = element("dl");
  for (const [name, value] of rows) {
    if (value === null || value === undefined || value === "") continue;
    const text = String(value);
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text;
    list.append(element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: shown })));
  }
  return [element("h4", { textContent: title }), list];
}

/** What there is to say of something that was hit. */
export function describe(run, found) {
  if (found.kind === "operation") return operation(run, found.index);
  if (found.kind === "fault") {
    const { fault } = found;
    return table(fault.name, [
      ["target", fault.target],
      ["resolved to", fault.nodes.join(", ") || "nobody"],
      ["from", seconds(fault.from)],
      ["to", seconds(fault.to)],
      ["in force", duration(fault.to - fault.from)],
      ["what exactly", fault.detail],
      ["verified", fault.verified ? `yes: ${fault.evidence}` : `no: ${fault.evidence}`],
    ]);
  }
  if (found.kind === "mark") return table(found.mark.kind, [["what", found.mark.text], ["at", seconds(found.mark.at, 1e3)]]);
  const { span } = found;
  return table(`${span.node}: ${span.state}`, [
    ["epoch", span.epoch],
    ["leader", span.leader ?? (span.epoch === null ? null : "none known")],
    ["from", seconds(span.from)],
    ["to", seconds(span.to)],
    ["for", duration(span.to - span.from)],
  ]);
}

function operation(run, index) {
  const told = operationAt(run, index);
  const isRead = told.function === "read";
  return table(`${told.function} ${told.key ?? ""}`, [
    ["outcome", { ok: "ok: it happened", fail: "fail: it certainly did not happen", info: "info: nobody knows whether it happened" }[told.outcome]],
    ["argument", told.input],
    [isRead ? "result" : "answer", told.output],
    ["error", told.error],
    ["process", told.process],
    ["node", told.node],
    ["epoch", told.epoch],
    ["LSN", told.lsn],
    ["invoked", seconds(told.invoked, 1e3)],
    [told.outcome === "info" ? "given up" : "completed", Number.isNaN(told.ended) ? "never" : seconds(told.ended, 1e3)],
    ["took", duration(told.ended - told.invoked)],
    ["number", told.index],
  ]);
}

/** One line for those who hear the page. */
export function inOneLine(run, index) {
  const told = operationAt(run, index);
  const answer = told.function === "read" && told.outcome === "ok" ? `returned ${told.output}` : told.outcome;
  return `process ${told.process}, ${told.function} ${told.key ?? ""} ${told.input}, ${answer}, at ${seconds(told.invoked)}`;
}
