// Colours, patterns and the axis that all drawings share. It knows no operation.

import { seconds, roundStep } from "./format.js";

const NAMES = ["ink", "soft", "faint", "paper", "raised", "ok", "read", "fail", "info", "doubt", "leader", "follower", "candidate", "off", "fault", "proof", "line1", "line2", "line3", "line4", "line5"];

/** The theme's colours, as the style sheet has them now. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/**
 * Makes a canvas `height` high and as sharp as the screen; returns what to draw with, on an empty surface. It is told how wide the canvas
 * is: to ask would have the browser lay out the page anew for each picture.
 */
export function surface(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) {
    [canvas.width, canvas.height] = [columns, rows];
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return context;
}

const patterns = new Map();

/** Stripes, so that a shape is told without its colour. */
export function stripes(context, colour) {
  if (!patterns.has(colour)) patterns.set(colour, context.createPattern(striped(colour), "repeat"));
  return patterns.get(colour);
}

function striped(colour) {
  const tile = new OffscreenCanvas(6, 6);
  const brush = tile.getContext("2d");
  brush.strokeStyle = colour;
  brush.lineWidth = 1.6;
  brush.beginPath();
  for (const shift of [-6, 0, 6]) {
    brush.moveTo(shift, 6);
    brush.lineTo(shift + 6, 0);
  }
  brush.stroke();
  return tile;
}

/** Where the axis is marked: times a round step apart. */
export function ticks(view) {
  const step = roundStep((view.span * 90) / Math.max(view.width, 90));
  const times = [];
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) times.push(time);
  return { step, times };
}

/** The axis at the top and its lines down to `height`. */
export function axis(context, view, colour, height, withTimes = true) {
  const { step, times } = ticks(view);
  context.strokeStyle = colour.faint;
  context.lineWidth = 1;
  context.beginPath();
  for (const time of times) {
    const x = Math.round(view.x(time)) + 0.5;
    context.moveTo(x, withTimes ? 20 : 0);
    context.lineTo(x, height);
  }
  context.stroke();
  if (!withTimes) return;
  context.fillStyle = colour.soft;
  context.textAlign = "center";
  for (const time of times) {
    const x = view.x(time);
    if (x > view.left + 16 && x < view.left + view.width - 16) context.fillText(seconds(time, step), x, 10);
  }
  context.textAlign = "left";
}

/** Text that fits into `width`, or less of it, or none. */
export function fitted(context, text, x, y, width) {
  if (width < 14) return;
  let shown = text;
  if (context.measureText(text).width > width) {
    const share = width / context.measureText(text).width;
    shown = `${text.slice(0, Math.max(0, Math.floor(text.length * share) - 1))}…`;
  }
  if (shown.length > 1) context.fillText(shown, x, y);
}

/** The same on a rim of the background, where what is below would make it unreadable. */
export function rimmed(context, colour, text, x, y, width) {
  context.save();
  context.beginPath();
  context.rect(x - 2, y - 10, width, 20);
  context.clip();
  context.strokeStyle = colour.raised;
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
  context.restore();
}

/** Draws inside the part that moves, so that nothing covers the names of lanes. */
export function inside(context, view, height, draw) {
  context.save();
  context.beginPath();
  context.rect(view.left, 0, view.width, height);
  context.clip();
  draw();
  context.restore();
}
