// The timeline: faults, nodes and clients, a lane each, and the arrows of a proof. It asks nobody and changes nothing but its canvas.

import { OK, FAIL, endOf, firstEndingAfter, operationAt } from "./data.js";
import { axis, fitted, inside, rimmed, stripes, surface } from "./paint.js";

const [AXIS, PHASE, FAULT, NODE, GAP] = [22, 16, 20, 28, 8];
/** Narrower spans are drawn together, a column of the screen at a time. */
const NARROW = 3;

/** Where everything is: rows of faults so that none covers another, then nodes, then clients. */
export function layout(run) {
  const ends = [];
  const faults = run.faults.map((fault) => {
    let row = ends.findIndex((end) => end <= fault.from);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = Math.max(fault.to, fault.from + run.end / 12);
    return row;
  });
  const laneHeight = run.lanes.length > 24 ? 12 : 20;
  const faultsY = AXIS + PHASE;
  const nodesY = faultsY + Math.max(ends.length, 1) * FAULT + GAP;
  const lanesY = nodesY + run.nodes.length * NODE + GAP;
  return { faults, faultsY, nodesY, lanesY, laneHeight, height: lanesY + run.lanes.length * laneHeight + 6 };
}

/** Draws everything that is in the window. */
export function drawTimeline(canvas, run, view, place, colour) {
  const context = surface(canvas, view.canvasWidth, place.height);
  const brush = {
    context,
    run,
    view,
    place,
    colour,
    striped: { info: stripes(context, colour.info), fail: stripes(context, colour.fail), off: stripes(context, colour.off), candidate: stripes(context, colour.candidate) },
  };
  axis(context, view, colour, place.height);
  inside(context, view, place.height, () => {
    bands(brush);
    phases(brush);
    gates(brush);
    faults(brush);
    run.roles.forEach((span) => role(brush, span));
    run.lanes.forEach((lane, row) => client(brush, lane, place.lanesY + row * place.laneHeight));
    run.marks.filter((mark) => mark.node).forEach((mark) => drawMark(brush, mark));
    proof(brush);
    chosen(brush);
  });
  names(brush);
}

function names({ context, run, view, place, colour }) {
  const name = (text, y, height) => fitted(context, text, 6, y + height / 2, view.left - 12);
  context.fillStyle = colour.soft;
  name("faults", place.faultsY, FAULT);
  run.nodes.forEach((node, row) => name(node, place.nodesY + row * NODE, NODE));
  run.lanes.forEach((lane, row) => {
    const y = place.lanesY + row * place.laneHeight;
    context.fillStyle = view.lane === row ? colour.proof : colour.soft;
    name((view.lane === row ? "▸ " : "") + lane.name, y, place.laneHeight);
  });
}

function bands({ context, run, view, place, colour }) {
  for (const fault of run.faults) {
    if (fault.to < view.from || fault.from > view.to) continue;
    const [begin, end] = [view.x(fault.from), view.x(fault.to)];
    context.globalAlpha = 0.13;
    context.fillStyle = colour.fault;
    context.fillRect(begin, place.nodesY - 4, Math.max(end - begin, 1), place.height);
    context.globalAlpha = 1;
  }
}

function phases({ context, run, view, place, colour }) {
  run.phases.forEach(({ at, name }, index) => {
    const [begin, end] = [view.x(at), view.x(run.phases[index + 1]?.at ?? run.end)];
    context.fillStyle = colour.faint;
    context.fillRect(begin, AXIS, 1, place.height);
    context.fillStyle = colour.soft;
    const from = Math.max(begin, view.left);
    fitted(context, name, from + 4, AXIS + PHASE / 2, end - from - 6);
  });
}

/** The moments at which the run had done what its gates demand, or had to have, and had not. */
function gates({ context, run, view, place, colour }) {
  context.textAlign = "center";
  for (const mark of run.marks.filter(isGate)) {
    const isMet = mark.kind === "gate";
    context.fillStyle = isMet ? colour.leader : colour.doubt;
    if (!isMet) context.fillRect(view.x(mark.at) - 1, AXIS + PHASE, 2, place.height);
    context.font = isMet ? "12px system-ui, sans-serif" : "bold 15px system-ui, sans-serif";
    // One at the end of the run still has to be seen.
    context.fillText(isMet ? "✓" : "?", Math.min(view.x(mark.at), view.left + view.width - 6), AXIS + PHASE / 2);
  }
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "left";
}

const isGate = (mark) => mark.kind === "gate" || mark.kind === "unmet";

function faults({ context, run, view, place, colour, striped }) {
  run.faults.forEach((fault, index) => {
    if (fault.to < view.from) return;
    const [begin, y] = [view.x(fault.from), place.faultsY + place.faults[index] * FAULT];
    const width = Math.max(view.x(fault.to) - begin, 2);
    context.fillStyle = fault.verified ? colour.fault : striped.info;
    context.globalAlpha = fault.verified ? 0.85 : 1;
    context.fillRect(begin, y + 2, width, FAULT - 4);
    context.globalAlpha = 1;
    const from = Math.max(begin, view.left);
    const room = begin + width - from;
    const text = fault.verified ? fault.name : `? ${fault.name}: no effect shown`;
    const fits = fault.verified && context.measureText(text).width < room - 8;
    context.fillStyle = fits ? colour.paper : colour.ink;
    if (fits) context.fillText(text, from + 4, y + FAULT / 2);
    else context.fillText(text, begin + width + 4, y + FAULT / 2);
  });
}

function role({ context, run, view, place, colour, striped }, span) {
  if (span.to < view.from || span.from > view.to) return;
  const y = place.nodesY + run.nodes.indexOf(span.node) * NODE;
  const [begin, end] = [Math.max(view.x(span.from), view.left - 2), Math.min(view.x(span.to), view.left + view.width + 2)];
  const width = Math.max(end - begin, 1);
  const bar = (fill, top, height) => {
    context.fillStyle = fill;
    context.fillRect(begin, y + top, width, height);
  };
  let text = `${span.state}${span.epoch === null ? "" : ` e${span.epoch}`}`;
  let ink = colour.ink;
  if (span.state === "leader") {
    bar(colour.leader, 3, NODE - 6);
    ink = colour.paper;
    text = `♛ ${text}`;
  } else if (span.state === "follower") {
    bar(colour.follower, NODE / 2 - 5, 10);
  } else if (span.state === "candidate") {
    bar(striped.candidate, 5, NODE - 10);
  } else {
    bar(striped.off, 5, NODE - 10);
    text = { paused: "❚❚ paused", down: "✕ down", silent: "no answer" }[span.state];
  }
  context.fillStyle = ink;
  if (width < 40) return;
  if (span.state === "leader") fitted(context, text, begin + 6, y + NODE / 2, width - 10);
  else rimmed(context, colour, text, begin + 6, y + NODE / 2, width - 8);
}

function drawMark({ context, run, view, place, colour }, mark) {
  const x = view.x(mark.at);
  if (x < view.left - 8 || x > view.left + view.width + 8) return;
  const y = place.nodesY + Math.max(run.nodes.indexOf(mark.node), 0) * NODE;
  context.fillStyle = mark.kind === "election" ? colour.ink : colour.fail;
  context.font = "bold 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText({ rewind: "↶", fencing: "⊘" }[mark.kind] ?? "▾", x, y + 4);
  context.textAlign = "left";
  context.font = "12px system-ui, sans-serif";
}

/** The spans of one client. Wide ones each, narrow ones by columns, in which what failed or is unknown always shows. */
function client(brush, lane, y) {
  const { run, view, place } = brush;
  const { invoked, ended, outcome, function: functions } = run.operations;
  const height = place.laneHeight - 4;
  const scale = view.width / view.span;
  const column = { x: -1, ok: 0, read: 0, fail: 0, info: 0 };
  const painter = columns(brush, y + 2, height);
  for (let at = firstEndingAfter(run, lane, view.from); at < lane.indices.length; at++) {
    const index = lane.indices[at];
    if (invoked[index] > view.to) break;
    const begin = view.left + (invoked[index] - view.from) * scale;
    const width = (ended[index] - invoked[index]) * scale;
    // Nor is one narrow whose end nobody recorded.
    if (!(width < NARROW)) {
      wide(brush, index, begin, (endOf(run, index) - invoked[index]) * scale, y + 2, height);
      continue;
    }
    const x = Math.floor(begin);
    if (x !== column.x) {
      painter.put(column);
      column.x = x;
      column.ok = column.read = column.fail = column.info = 0;
    }
    if (outcome[index] === OK) column[run.isRead[functions[index]] ? "read" : "ok"]++;
    else if (outcome[index] === FAIL) column.fail++;
    else column.info++;
  }
  painter.put(column);
  painter.end();
}

/** Paints columns; those beside each other that look the same are one rectangle. */
function columns({ context, colour }, y, height) {
  let [from, to, look] = [0, 0, -1];
  const flush = () => {
    if (look < 0) return;
    const share = (look >> 2) / 4;
    context.globalAlpha = 0.9;
    context.fillStyle = colour.read;
    context.fillRect(from, y, to - from, height);
    context.fillStyle = colour.ok;
    context.fillRect(from, y, to - from, height * (1 - share));
    context.globalAlpha = 1;
    if (look & 1) {
      context.fillStyle = colour.fail;
      context.fillRect(from, y + height * 0.55, to - from, height * 0.45);
    }
    if (look & 2) {
      context.fillStyle = colour.info;
      context.fillRect(from, y, to - from, height * 0.45);
    }
  };
  return {
    put({ x, ok, read, fail, info }) {
      const all = ok + read + fail + info;
      if (all === 0) return;
      const share = ok + read === 0 ? 0 : Math.round((read / (ok + read)) * 4);
      const now = (share << 2) | (info > 0 ? 2 : 0) | (fail > 0 ? 1 : 0);
      if (now !== look || x !== to) {
        flush();
        [from, look] = [x, now];
      }
      to = x + 1;
    },
    end: flush,
  };
}

function wide({ context, run, view, colour, striped }, index, begin, width, y, height) {
  const { outcome, function: functions } = run.operations;
  const isRead = run.isRead[functions[index]];
  if (outcome[index] === OK) {
    context.fillStyle = isRead ? colour.read : colour.ok;
    context.fillRect(begin, y, Math.max(width - 1, 1), height);
  } else if (outcome[index] === FAIL) {
    context.fillStyle = striped.fail;
    context.fillRect(begin, y + height * 0.4, Math.max(width - 1, 1), height * 0.6);
  } else {
    context.strokeStyle = colour.info;
    context.lineWidth = 2;
    context.setLineDash([5, 3]);
    context.strokeRect(begin + 1, y + 1, Math.max(width - 2, 1), height - 2);
    context.setLineDash([]);
  }
  if (width < 46 || height < 12) return;
  context.fillStyle = outcome[index] === OK && !isRead ? colour.paper : colour.ink;
  const told = operationAt(run, index);
  const what = isRead ? `read ${told.key ?? ""} → ${told.output || told.outcome}` : `${told.function} ${told.key ?? ""} ${told.input}`;
  const from = Math.max(begin, view.left);
  const room = begin + width - from - 8;
  if (outcome[index] === OK) fitted(context, what, from + 4, y + height / 2, room);
  else rimmed(context, colour, what, from + 4, y + height / 2, room);
}

/** Where an operation is on the screen. */
export function boxOf(run, view, place, index) {
  const [begin, end] = [view.x(run.operations.invoked[index]), view.x(endOf(run, index))];
  const y = place.lanesY + run.operations.lane(index) * place.laneHeight;
  return { begin, end: Math.max(end, begin + 2), y: y + 2, height: place.laneHeight - 4 };
}

function proof({ context, run, view, place, colour }) {
  const shown = run.proofs.find((one) => one.id === view.proof);
  if (!shown) return;
  const boxes = shown.operations.map((index) => boxOf(run, view, place, index));
  for (const { from, to, why } of shown.arrows) {
    const byTime = why === "time";
    const [a, b] = [boxes[from], boxes[to]];
    const [x, y] = [byTime ? a.end : (a.begin + a.end) / 2, a.y + a.height / 2];
    const [endX, endY] = [byTime ? b.begin : (b.begin + b.end) / 2, b.y + b.height / 2];
    const bow = byTime ? 0 : -40;
    context.strokeStyle = byTime ? colour.ink : colour.proof;
    context.lineWidth = 2;
    context.setLineDash(byTime ? [] : [6, 4]);
    context.beginPath();
    context.moveTo(x, y);
    context.bezierCurveTo(x, (y + endY) / 2 + bow, endX, (y + endY) / 2 + bow, endX, endY);
    context.stroke();
    context.setLineDash([]);
    tip(context, endX, endY, Math.sign(endY - ((y + endY) / 2 + bow)) || 1, context.strokeStyle);
  }
  boxes.forEach((box, number) => {
    context.strokeStyle = colour.proof;
    context.lineWidth = 2.5;
    context.strokeRect(box.begin - 1.5, box.y - 1.5, box.end - box.begin + 3, box.height + 3);
    badge(context, colour, box.begin, box.y - 2, number + 1);
  });
}

function tip(context, x, y, down, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - 5, y - 9 * down);
  context.lineTo(x + 5, y - 9 * down);
  context.fill();
}

function badge(context, colour, x, y, number) {
  context.fillStyle = colour.proof;
  context.beginPath();
  context.arc(x, y, 8, 0, 7);
  context.fill();
  context.fillStyle = colour.paper;
  context.textAlign = "center";
  context.fillText(String(number), x, y + 0.5);
  context.textAlign = "left";
}

function chosen({ context, run, view, place, colour }) {
  if (view.operation === null) return;
  const box = boxOf(run, view, place, view.operation);
  context.strokeStyle = colour.ink;
  context.lineWidth = 2;
  context.strokeRect(box.begin - 2, box.y - 2, box.end - box.begin + 4, box.height + 4);
}

/** What is at a place: an operation, a fault, a mark or what a node was; nothing otherwise. */
export function hit(run, view, place, x, y) {
  const time = view.time(x);
  const near = (4 / view.width) * view.span;
  if (y >= place.lanesY) {
    const row = Math.floor((y - place.lanesY) / place.laneHeight);
    const lane = run.lanes[row];
    return lane && { kind: "operation", lane: row, index: nearest(run, lane, time, near) };
  }
  if (y >= place.nodesY) {
    const node = run.nodes[Math.floor((y - place.nodesY) / NODE)];
    const mark = run.marks.find((one) => one.node === node && Math.abs(one.at - time) < near * 2);
    if (mark) return { kind: "mark", mark };
    const span = run.roles.find((one) => one.node === node && one.from <= time && time < one.to);
    return span && { kind: "role", span };
  }
  if (y >= AXIS && y < place.faultsY) {
    const mark = run.marks.find((one) => isGate(one) && Math.abs(one.at - time) < near * 3);
    return mark && { kind: "mark", mark };
  }
  const row = Math.floor((y - place.faultsY) / FAULT);
  const index = run.faults.findIndex((fault, at) => place.faults[at] === row && fault.from - near <= time && time <= fault.to + near * 20);
  return index < 0 ? undefined : { kind: "fault", fault: run.faults[index] };
}

/** The operation at a time, or one close by; of several one that was not acknowledged. */
function nearest(run, lane, time, near) {
  const { invoked, outcome } = run.operations;
  let best = null;
  for (let at = firstEndingAfter(run, lane, time - near); at < lane.indices.length; at++) {
    const index = lane.indices[at];
    if (invoked[index] > time + near) break;
    const holds = invoked[index] <= time && time <= endOf(run, index);
    if (best === null || (outcome[best] === OK && outcome[index] !== OK) || (holds && outcome[best] === outcome[index])) best = index;
  }
  return best;
}
