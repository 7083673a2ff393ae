// Numbers and values as people read them. It knows no page.

const NS_PER_S = 1e9;

/** Seconds with as many digits as tell moments apart that are `step` nanoseconds apart: `3.112 s`. */
export function seconds(ns, step = 1e6) {
  const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / NS_PER_S))));
  return `${(ns / NS_PER_S).toFixed(digits)} s`;
}

/** A length of time in the unit that suits it: `1.3 ms`. */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "unknown";
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  if (ns < 1e9) return `${Number((ns / 1e6).toPrecision(3))} ms`;
  return `${Number((ns / 1e9).toPrecision(4))} s`;
}

/** A number with few digits: `1.2k`. */
export function short(number) {
  if (number >= 1e6) return `${Number((number / 1e6).toPrecision(3))}M`;
  if (number >= 1e4) return `${Number((number / 1e3).toPrecision(3))}k`;
  return String(Number(number.toPrecision(3)));
}

/** The least of 1, 2 or 5 times a power of ten that is no less than `least`. */
export function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.999999);
}

/** Values between 0 and `most` for an axis, three or so. */
export function axisSteps(most) {
  const step = roundStep(Math.max(most, 1e-9) / 3);
  const steps = [];
  for (let value = 0; value <= most * 1.0001; value += step) steps.push(value);
  return steps;
}

/** An element with text and children, which never becomes markup. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
