// Puts the page together: who listens to what, and what keys and buttons do.

import { seconds, duration } from "./format.js";
import { load, endOf, firstEndingAfter } from "./data.js";
import { View, steer } from "./view.js";
import { colours } from "./paint.js";
import { layout, drawTimeline, hit, boxOf } from "./lanes.js";
import { drawCharts } from "./charts.js";
import { describe, inOneLine } from "./detail.js";
import { showLogs } from "./logs.js";

const byId = (id) => document.getElementById(id);

async function open() {
  const run = await load();
  const view = new View(run.end);
  const [timeline, charts] = [byId("timeline"), byId("charts")];
  const place = layout(run);
  let colour = colours();
  let logsAsked = 0;

  const draw = () => {
    drawTimeline(timeline, run, view, place, colour);
    drawCharts(charts, run, view, colour);
    byId("window").textContent = `${seconds(view.from, view.span / 100)} to ${seconds(view.to, view.span / 100)} (${duration(view.span)})`;
    // A list of lines is slow beside a drawing, so it waits until the window rests.
    clearTimeout(logsAsked);
    logsAsked = setTimeout(() => {
      byId("log-count").textContent = `(${showLogs(run, view, byId("logs"), byId("log-filter").value)})`;
    }, 80);
  };
  view.listen(draw);

  const choose = (found) => {
    view.operation = found?.kind === "operation" ? found.index : null;
    if (found?.lane !== undefined) view.lane = found.lane;
    const says = found && found.index !== null ? describe(run, found) : [];
    byId("detail").replaceChildren(...says);
    view.changed();
  };
  const chooseOperation = (index) => {
    choose({ kind: "operation", lane: run.operations.lane(index), index });
    byId("live").textContent = inOneLine(run, index);
  };
  const showOperation = (index) => {
    const [begin, end] = [run.operations.invoked[index], endOf(run, index)];
    const room = Math.max((end - begin) * 4, 2e6);
    view.show(begin - room, end + room);
    chooseOperation(index);
  };
  const showProof = (id) => {
    const proof = run.proofs.find((one) => one.id === id);
    if (!proof) return;
    const begin = Math.min(...proof.operations.map((index) => run.operations.invoked[index]));
    const end = Math.max(...proof.operations.map((index) => endOf(run, index)));
    view.proof = id;
    view.show(begin - (end - begin) * 0.1, end + (end - begin) * 0.1);
    chooseOperation(proof.operations.at(-1));
    byId("live").textContent = proof.sentence;
    const note = document.createElement("p");
    note.className = "sentence";
    note.textContent = proof.sentence;
    byId("detail").prepend(note);
    byId("timeline-section").scrollIntoView({ block: "start" });
  };
  const showFault = (index) => {
    const fault = run.faults[index];
    const room = Math.max((fault.to - fault.from) / 2, 100e6);
    view.show(fault.from - room, fault.to + room);
    choose({ kind: "fault", fault });
    byId("live").textContent = `${fault.name}: ${fault.evidence}`;
    byId("timeline-section").scrollIntoView({ block: "start" });
  };
  const stepProof = (step) => {
    if (run.proofs.length === 0) return;
    const now = run.proofs.findIndex((one) => one.id === view.proof);
    const next = now < 0 ? (step > 0 ? 0 : run.proofs.length - 1) : (now + step + run.proofs.length) % run.proofs.length;
    showProof(run.proofs[next].id);
  };
  const stepOperation = (step) => {
    const lane = run.lanes[view.lane ?? 0];
    const here = view.operation === null ? -1 : lane.indices.indexOf(view.operation);
    const next = here < 0 ? firstEndingAfter(run, lane, view.from) : here + step;
    if (lane.indices[next] === undefined) return;
    chooseOperation(lane.indices[next]);
    const box = boxOf(run, view, place, lane.indices[next]);
    if (box.begin < view.left || box.end > view.left + view.width) view.move((box.begin - view.left) / view.width - 0.5);
  };
  const stepLane = (step) => {
    view.lane = Math.min(Math.max((view.lane ?? (step > 0 ? -1 : run.lanes.length)) + step, 0), run.lanes.length - 1);
    view.operation = null;
    byId("live").textContent = run.lanes[view.lane].name;
    view.changed();
  };

  const around = () => (view.operation === null ? undefined : run.operations.invoked[view.operation]);
  const keys = {
    "+": () => view.zoom(1 / 1.6, around()),
    "=": () => view.zoom(1 / 1.6, around()),
    "-": () => view.zoom(1.6, around()),
    ArrowLeft: () => view.move(-0.15),
    ArrowRight: () => view.move(0.15),
    ArrowUp: () => stepLane(-1),
    ArrowDown: () => stepLane(1),
    ",": () => stepOperation(-1),
    ".": () => stepOperation(1),
    Enter: () => view.operation !== null && showOperation(view.operation),
    v: () => stepProof(1),
    V: () => stepProof(-1),
    0: () => view.whole(),
    Home: () => view.whole(),
    Escape: () => {
      view.proof = null;
      choose(undefined);
    },
  };
  timeline.addEventListener("keydown", (event) => {
    const act = !event.ctrlKey && !event.metaKey && !event.altKey && keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  steer(view, timeline, (x, y) => choose(hit(run, view, place, x, y)));
  steer(view, charts, () => {});
  timeline.addEventListener("pointermove", (event) => {
    timeline.style.cursor = hit(run, view, place, event.offsetX, event.offsetY) ? "pointer" : "grab";
  });

  const onClick = (id, act) => byId(id)?.addEventListener("click", act);
  onClick("zoom-in", keys["+"]);
  onClick("zoom-out", keys["-"]);
  onClick("earlier", keys.ArrowLeft);
  onClick("later", keys.ArrowRight);
  onClick("whole", keys[0]);
  onClick("next-proof", keys.v);
  onClick("copy", async () => {
    await navigator.clipboard?.writeText(byId("reproduce").textContent);
    byId("copy").textContent = "Copied";
  });
  onClick("theme", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    repaint();
  });
  document.addEventListener("click", ({ target }) => {
    const jump = target.closest("[data-proof]");
    const to = target.closest("[data-operation]");
    const fault = target.closest("[data-fault]");
    if (jump) showProof(jump.dataset.proof);
    else if (fault) showFault(Number(fault.dataset.fault));
    else if (to) {
      showOperation(Number(to.dataset.operation));
      byId("timeline-section").scrollIntoView({ block: "start" });
    }
  });
  byId("log-filter").addEventListener("input", () => view.changed());

  const repaint = () => {
    colour = colours();
    view.changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  view.canvasWidth = timeline.clientWidth;
  new ResizeObserver(() => {
    if (view.canvasWidth === timeline.clientWidth) return;
    view.canvasWidth = timeline.clientWidth;
    view.changed();
  }).observe(timeline);
  view.whole();
  // For tests, benchmarks and people who look behind the page.
  window.interregnum = { run, view, draw, showOperation, boxOf: (index) => boxOf(run, view, place, index) };
  view.listen(() => {
    document.documentElement.dataset.painted ??= String(performance.now());
  });
}

open().catch((error) => {
  byId("detail").textContent = `The page could not be drawn: ${error}`;
  throw error;
});
