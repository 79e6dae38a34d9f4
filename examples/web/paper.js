// Paper that mouse, finger, pen and keyboard draw on. Strokes are smoothed; `onchange` hears of every change.
//
//   const paper = new Paper(canvas, { onchange: () => …, onlift: () => … });
//   paper.strokes      // [[x, y, x, y …] …], where the paper is 1 wide and 1 high
//   paper.clear(); paper.undo();

const kPenWidth = 0.062;  // of the paper's side
const kKeyStep = 0.03;
const kCloser = 0.004;  // points nearer than this to the last one add nothing

// A curve through the middles of the segments, with the points as its controls: no corner is left where the pen was
// sampled too seldom.
function smooth(points) {
  if (points.length <= 4) return points;
  const curve = [points[0], points[1]];
  let [fromX, fromY] = points;
  for (let i = 2; i < points.length - 2; i += 2) {
    const toX = (points[i] + points[i + 2]) / 2, toY = (points[i + 1] + points[i + 3]) / 2;
    const pieces = Math.max(1, Math.min(8, Math.ceil(Math.hypot(toX - fromX, toY - fromY) / 0.015)));
    for (let piece = 1; piece <= pieces; ++piece) {
      const t = piece / pieces, u = 1 - t;
      curve.push(u * u * fromX + 2 * u * t * points[i] + t * t * toX, u * u * fromY + 2 * u * t * points[i + 1] + t * t * toY);
    }
    [fromX, fromY] = [toX, toY];
  }
  curve.push(points.at(-2), points.at(-1));
  return curve;
}

export class Paper {
  #canvas;
  #listeners;
  #raw = [];  // strokes as they came
  #smoothed = [];
  #pointer = null;  // the one that draws: a palm beside the pen does not
  #cursor = null;   // where the keyboard's pen is
  #isDown = false;
  #frame = 0;

  constructor(canvas, listeners) {
    this.#canvas = canvas;
    this.#listeners = listeners;
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel']) canvas.addEventListener(type, (event) => this.#up(event));
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => {
      this.#liftKeyboardPen();
      this.#cursor = null;
      this.#redraw();
    });
    new ResizeObserver(() => this.#redraw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw());
  }

  get strokes() {
    return this.#smoothed;
  }
  get isEmpty() {
    return this.#raw.length === 0;
  }

  clear() {
    this.#raw = [];
    this.#pointer = null;
    this.#isDown = false;
    this.#changed();
  }
  undo() {
    this.#raw.pop();
    this.#isDown = false;
    this.#changed();
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const inside = (value) => Math.max(0, Math.min(1, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  #add(x, y) {
    const stroke = this.#raw.at(-1);
    if (stroke.length > 0 && Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) < kCloser) return false;
    stroke.push(x, y);
    return true;
  }

  #down(event) {
    if (this.#pointer !== null || event.button > 0) return;
    event.preventDefault();
    this.#canvas.classList.add('by-pointer');  // who draws with a pointer sees where it is
    this.#canvas.focus({ preventScroll: true });
    this.#liftKeyboardPen();
    this.#cursor = null;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#raw.push([]);
    this.#add(...this.#place(event));
    this.#changed();
  }
  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    // A fast hand is sampled more often than the screen is drawn.
    const events = event.getCoalescedEvents?.() ?? [];
    let isNew = false;
    for (const one of events.length > 0 ? events : [event]) isNew = this.#add(...this.#place(one)) || isNew;
    if (isNew) this.#changed();
  }
  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#listeners.onlift?.();
  }

  #liftKeyboardPen() {
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#listeners.onlift?.();
  }

  #key(event) {
    this.#canvas.classList.remove('by-pointer');
    if (event.ctrlKey && event.key === 'z') {
      event.preventDefault();
      this.undo();
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      const step = kKeyStep * (event.shiftKey ? 3 : 1);
      const inside = (value) => Math.max(0.05, Math.min(0.95, value));
      this.#cursor ??= [0.5, 0.3];
      this.#cursor = [inside(this.#cursor[0] + step * move[0]), inside(this.#cursor[1] + step * move[1])];
      if (this.#isDown) {
        this.#add(...this.#cursor);
        this.#changed();
      }
    } else if (event.key === ' ' || event.key === 'Enter') {
      this.#cursor ??= [0.5, 0.3];
      if (this.#isDown) {
        this.#liftKeyboardPen();
      } else {
        this.#isDown = true;
        this.#raw.push([]);
        this.#add(...this.#cursor);
        this.#changed();
      }
    } else if (event.key === 'Delete' || event.key === 'Backspace' || event.key === 'Escape') {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.#redraw();
  }

  #changed() {
    this.#smoothed = this.#raw.map(smooth);
    this.#redraw();
    this.#listeners.onchange?.();
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (side === 0) return;
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const pen = this.#canvas.getContext('2d');
    const style = getComputedStyle(this.#canvas);
    pen.clearRect(0, 0, side, side);
    pen.lineWidth = kPenWidth * side;
    pen.lineCap = pen.lineJoin = 'round';
    pen.strokeStyle = style.getPropertyValue('--ink');
    for (const stroke of this.#smoothed) {
      pen.beginPath();
      pen.moveTo(stroke[0] * side, stroke[1] * side);
      for (let i = 0; i < stroke.length; i += 2) pen.lineTo(stroke[i] * side, stroke[i + 1] * side);
      pen.stroke();
    }
    if (this.#cursor) {
      pen.beginPath();
      pen.lineWidth = 2 * devicePixelRatio;
      pen.strokeStyle = style.getPropertyValue('--accent');
      pen.arc(this.#cursor[0] * side, this.#cursor[1] * side, kPenWidth * side * (this.#isDown ? 0.35 : 0.6), 0, 2 * Math.PI);
      pen.stroke();
    }
  }
}
