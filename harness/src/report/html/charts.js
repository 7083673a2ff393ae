// The charts below the timeline, on its time axis: what the cluster did for its clients. They are computed for the visible window,
// as fine as the screen shows, so zooming in shows more and not a larger picture of the same.

import { duration, short, axisSteps, roundStep } from "./format.js";
import { OK } from "./data.js";
import { axis, inside, stripes, surface } from "./paint.js";

const [HEIGHT, TITLE, SPACE] = [92, 18, 14];
const BINS = 160;

/** Draws all charts that have something to show. */
export function drawCharts(canvas, run, view, colour) {
  const charts = chartsOf(run, view).filter(Boolean);
  const context = surface(canvas, view.canvasWidth, charts.length * (HEIGHT + TITLE + SPACE));
  charts.forEach((chart, row) => {
    context.save();
    context.translate(0, row * (HEIGHT + TITLE + SPACE));
    frame(context, run, view, colour, chart);
    context.restore();
  });
}

function chartsOf(run, view) {
  const bins = binned(run, view);
  return [
    { title: "acknowledged operations a second", unit: short, lines: [{ name: "", points: bins.rate, isStep: true }] },
    {
      title: "latency of acknowledged operations (logarithmic)",
      unit: (value) => duration(10 ** value),
      isLog: true,
      lines: [
        { name: "median", points: bins.median },
        { name: "p99", points: bins.p99 },
        { name: "max", points: bins.max },
      ],
    },
    run.lags.length > 0 && (run.lagChart ??= lagChart(run)),
    run.outages.length > 0 && { title: "outages, and fail overs (failover_time_ms)", gaps: true, lines: [] },
    run.stale.length > 0 && (run.staleChart ??= staleChart(run)),
  ];
}

let kept = { width: 0, from: 0, to: 0 };

/**
 * Acknowledgements in bins of a round width. Those of the window and as much on both sides are kept, so that moving it, or zooming
 * a little, computes nothing anew.
 */
function binned(run, view) {
  const width = roundStep(view.span / BINS);
  if (kept.width === width && kept.from <= view.from && view.to <= kept.to) return kept;
  const [from, to] = [view.from - view.span, view.to + view.span];
  const first = Math.floor(Math.max(from, 0) / width);
  const last = Math.floor(Math.min(to, run.end) / width);
  const { ends, latencies } = sorted(run, first * width, (last + 1) * width, width);
  kept = { width, from, to, rate: [], median: [], p99: [], max: [] };
  for (let bin = 0; bin <= last - first; bin++) {
    const [at, begin] = [(first + bin) * width, bin === 0 ? 0 : ends[bin - 1]];
    const length = ends[bin] - begin;
    latencies.subarray(begin, ends[bin]).sort();
    const ranked = (share) => [at + width / 2, length ? Math.log10(latencies[begin + Math.ceil(length * share) - 1]) : null];
    kept.rate.push([at, (length / width) * 1e9]);
    kept.median.push(ranked(0.5));
    kept.p99.push(ranked(0.99));
    kept.max.push(ranked(1));
  }
  return kept;
}

/** The latencies of what was acknowledged in a time, bin after bin, and where each bin ends among them. */
function sorted(run, from, to, width) {
  const { ended, invoked, outcome, count } = run.operations;
  const ends = new Uint32Array(Math.round((to - from) / width));
  const isIn = (index) => outcome[index] === OK && ended[index] >= from && ended[index] < to;
  const binOf = (index) => Math.min(Math.floor((ended[index] - from) / width), ends.length - 1);
  let all = 0;
  for (let index = 0; index < count; index++) {
    if (!isIn(index)) continue;
    ends[binOf(index)]++;
    all++;
  }
  for (let bin = 0, before = 0; bin < ends.length; bin++) [ends[bin], before] = [before, before + ends[bin]];
  const latencies = new Float64Array(all);
  // What was where a bin begins is where it ends, once everything is in its place.
  for (let index = 0; index < count; index++) {
    if (isIn(index)) latencies[ends[binOf(index)]++] = ended[index] - invoked[index];
  }
  return { ends, latencies };
}

/** A line for each follower. It stays where it was until something new is told, and ends where another leader begins to tell. */
function lagChart(run) {
  const points = Object.fromEntries(run.nodes.map((node) => [node, []]));
  let teller = null;
  for (const [at, leader, node, ms] of run.lags) {
    if (leader !== teller) for (const line of Object.values(points)) line.push([at, null]);
    teller = leader;
    points[node]?.push([at, ms]);
  }
  // Nobody asks any more once the cluster settles.
  const end = run.phases.find((phase) => phase.name === "settle")?.at ?? run.end;
  for (const line of Object.values(points)) if (line.length > 0) line.push([end, line.at(-1)[1]]);
  const lines = run.nodes.map((node) => ({ name: node, points: points[node], isStep: true }));
  return { title: "replication_lag_ms of each follower, as its leader tells", unit: (value) => `${short(value)} ms`, lines };
}

/** A dot for each stale read: for how long it had lacked what was known. */
function staleChart(run) {
  const lines = run.nodes.map((node) => ({ name: node, isDots: true, points: [] }));
  for (const [operation, , ns] of run.stale) {
    if (ns !== null) lines[run.operations.node[operation]]?.points.push([run.operations.invoked[operation], ns]);
  }
  return { title: "staleness of reads, by the node that answered", unit: duration, lines };
}

function frame(context, run, view, colour, chart) {
  const tints = [colour.line1, colour.line2, colour.line3, colour.line4, colour.line5];
  const lines = chart.lines.map((line, number) => ({ ...line, colour: tints[number % tints.length], dash: [[], [6, 3], [2, 3], [9, 3, 2, 3], [1, 2]][number % 5] }));
  title(context, view, colour, chart.title, lines);
  context.translate(0, TITLE);
  axis(context, view, colour, HEIGHT, false);
  const visible = (point) => point[0] >= view.from - view.span * 0.1 && point[0] <= view.to + view.span * 0.1;
  // Where nothing is told in the window, the scale is that of the whole run.
  const told = (which) => lines.flatMap((line) => line.points.filter(which).map((point) => point[1])).filter((value) => value !== null);
  const inWindow = told(visible);
  const values = inWindow.length > 0 ? inWindow : told(() => true);
  const most = values.reduce((a, b) => Math.max(a, b), chart.isLog ? 6 : 1e-9);
  const least = chart.isLog ? Math.floor(values.reduce((a, b) => Math.min(a, b), most)) : 0;
  const y = (value) => HEIGHT - ((value - least) / Math.max(most - least, 1e-9)) * (HEIGHT - 8);
  if (!chart.gaps) scale(context, view, colour, chart, least, most, y);
  inside(context, view, HEIGHT + 1, () => {
    faultBands(context, run, view, colour);
    if (chart.gaps) gaps(context, run, view, colour);
    for (const line of lines) (line.isDots ? dots : path)(context, view, line, y);
  });
  context.strokeStyle = colour.faint;
  context.strokeRect(view.left + 0.5, 0.5, view.width - 1, HEIGHT - 1);
}

function title(context, view, colour, text, lines) {
  context.fillStyle = colour.ink;
  context.fillText(text, view.left, TITLE / 2);
  let x = view.left + context.measureText(text).width + 18;
  for (const line of lines.filter((one) => one.name && one.points.length > 0)) {
    context.strokeStyle = line.colour;
    context.lineWidth = 2;
    context.setLineDash(line.isDots ? [2, 3] : line.dash);
    context.beginPath();
    context.moveTo(x, TITLE / 2);
    context.lineTo(x + 20, TITLE / 2);
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour.soft;
    context.fillText(line.name, x + 25, TITLE / 2);
    x += 42 + context.measureText(line.name).width;
  }
}

function scale(context, view, colour, chart, least, most, y) {
  const steps = chart.isLog ? Array.from({ length: Math.floor(most) - least + 1 }, (_, step) => least + step) : axisSteps(most);
  context.textAlign = "right";
  context.lineWidth = 1;
  for (const step of steps) {
    context.fillStyle = colour.soft;
    context.fillText(chart.unit(step), view.left - 6, Math.max(y(step), 6));
    context.strokeStyle = colour.faint;
    context.beginPath();
    context.moveTo(view.left, Math.round(y(step)) + 0.5);
    context.lineTo(view.left + view.width, Math.round(y(step)) + 0.5);
    context.stroke();
  }
  context.textAlign = "left";
}

function faultBands(context, run, view, colour) {
  context.globalAlpha = 0.13;
  context.fillStyle = colour.fault;
  for (const fault of run.faults) context.fillRect(view.x(fault.from), 0, Math.max(view.x(fault.to) - view.x(fault.from), 1), HEIGHT);
  context.globalAlpha = 1;
}

function path(context, view, line, y) {
  context.strokeStyle = line.colour;
  context.lineWidth = 1.6;
  context.setLineDash(line.dash);
  context.beginPath();
  let last = null;
  const alone = [];
  line.points.forEach(([time, value], index) => {
    if (value !== null && last !== null) {
      if (line.isStep) context.lineTo(view.x(time), y(last));
      context.lineTo(view.x(time), y(value));
    } else if (value !== null) {
      context.moveTo(view.x(time), y(value));
      if ((line.points[index + 1]?.[1] ?? null) === null) alone.push([time, value]);
    }
    last = value;
  });
  context.stroke();
  context.setLineDash([]);
  dots(context, view, { ...line, points: alone }, y);
}

function dots(context, view, line, y) {
  context.fillStyle = line.colour;
  for (const [time, value] of line.points) {
    const x = view.x(time);
    if (x >= view.left && x <= view.left + view.width) context.fillRect(x - 1.5, y(value) - 1.5, 3, 3);
  }
}

/** Two rows of outages, of writes and of reads, and one of fail overs, each with its length. */
function gaps(context, run, view, colour) {
  const row = (number) => 6 + number * 29;
  const bars = [[], [], []];
  const bar = (from, to, number, fill, text) => {
    const [begin, width] = [view.x(from), Math.max(view.x(to) - view.x(from), 2)];
    context.fillStyle = fill;
    context.fillRect(begin, row(number), width, 20);
    bars[number].push({ begin, end: begin + width, text });
  };
  for (const gap of run.outages) {
    const isWrites = gap.kind === "writes";
    bar(gap.from, gap.to, isWrites ? 0 : 1, isWrites ? colour.fail : stripes(context, colour.fail), `${gap.kind} ${duration(gap.to - gap.from)}`);
  }
  for (const { from, to } of run.fail_overs) bar(from, to, 2, colour.leader, `fail over ${duration(to - from)}`);
  context.fillStyle = colour.ink;
  // A length is told where there is room for it before the next bar.
  bars.forEach((bars, number) => {
    bars.sort((a, b) => a.begin - b.begin);
    bars.forEach(({ end, text }, index) => {
      const room = (bars[index + 1]?.begin ?? Infinity) - end;
      if (context.measureText(text).width + 8 < room) context.fillText(text, end + 4, row(number) + 10);
    });
  });
}
