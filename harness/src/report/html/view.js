// The visible window of time, and how people move it. It draws nothing: whoever draws listens.

const CLOSEST_NS = 2000;

/** A window on the run from `from` to `to`, the same for all drawings, which share their left margin as well. */
export class View {
  #listeners = [];
  #asked = false;

  constructor(end) {
    this.end = end;
    this.left = 104;
    this.canvasWidth = 0;
    this.from = 0;
    this.to = end;
    this.operation = null;
    this.proof = null;
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Asks for a drawing in the next frame; many askings are one. */
  changed() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** How wide the part is that moves. */
  get width() {
    return this.canvasWidth - this.left - 8;
  }

  x(time) {
    return this.left + ((time - this.from) / (this.to - this.from)) * this.width;
  }

  time(x) {
    return this.from + ((x - this.left) / this.width) * (this.to - this.from);
  }

  get span() {
    return this.to - this.from;
  }

  show(from, to) {
    const least = CLOSEST_NS;
    const span = Math.min(Math.max(to - from, least), this.end * 1.02);
    const middle = (from + to) / 2;
    const begin = Math.min(Math.max(middle - span / 2, -this.end * 0.01), this.end * 1.01 - span);
    [this.from, this.to] = [begin, begin + span];
    this.changed();
  }

  whole() {
    this.show(-this.end * 0.01, this.end * 1.01);
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    const span = Math.min(Math.max(this.span * factor, CLOSEST_NS), this.end * 1.02);
    const share = (around - this.from) / this.span;
    this.show(around - share * span, around + (1 - share) * span);
  }

  move(share) {
    const step = share * this.span;
    this.show(this.from + step, this.to + step);
  }
}

/** Lets a wheel zoom around the pointer, and a drag move. `clicked` gets the place of a click that was no drag. */
export function steer(view, canvas, clicked) {
  let held = null;
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        view.move((event.deltaX || event.deltaY) / view.width);
      } else if (event.ctrlKey || event.metaKey || canvas.parentElement.contains(document.activeElement) || held) {
        view.zoom(1.002 ** event.deltaY, view.time(event.offsetX));
      } else {
        return; // A page that is scrolled past must scroll on.
      }
      event.preventDefault();
    },
    { passive: false },
  );
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.offsetX, last: event.offsetX, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    held.moved ||= Math.abs(event.offsetX - held.x) > 4;
    if (held.moved) view.move((held.last - event.offsetX) / view.width);
    held.last = event.offsetX;
  });
  canvas.addEventListener("pointerup", (event) => {
    const wasDragged = held?.moved;
    held = null;
    if (!wasDragged) clicked(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("dblclick", (event) => view.zoom(1 / 4, view.time(event.offsetX)));
}
