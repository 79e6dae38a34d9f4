// From strokes to what the network reads: 28 x 28 pixels, as MNIST's digits were made. The digit is scaled to fit a box of
// 20 x 20 and centred by its mass. The lines are drawn anew at that size with one width for all, so a large digit and a
// small one look the same to the network.
//
//   const pixels = new Float32Array(kPixels);
//   if (drawDigit(strokes, pixels)) model.run({ input_node: pixels });
//
// A stroke is an array of x, y, x, y … where the paper is 1 wide and 1 high.

export const kSide = 28;
export const kPixels = kSide * kSide;
const kBox = 20;
const kRadius = 1.3;  // of the pen, in pixels: the middle of MNIST's digits
const kSoftness = 1.1;  // how many pixels the edge of a line is wide
const kSmallest = 0.1;  // what is smaller, of the paper's side, is no digit and is not made as large as one

// Squared distance from (px, py) to the line from (ax, ay) to (bx, by).
function distanceSquared(px, py, ax, ay, bx, by) {
  const dx = bx - ax, dy = by - ay;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / length));
  const x = px - ax - t * dx, y = py - ay - t * dy;
  return x * x + y * y;
}

function paint(strokes, scale, shiftX, shiftY, pixels) {
  pixels.fill(0);
  const reach = kRadius + kSoftness / 2;
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i += 2) {
      const next = Math.min(i + 2, stroke.length - 2);
      const ax = stroke[i] * scale + shiftX, ay = stroke[i + 1] * scale + shiftY;
      const bx = stroke[next] * scale + shiftX, by = stroke[next + 1] * scale + shiftY;
      const left = Math.max(0, Math.floor(Math.min(ax, bx) - reach)), right = Math.min(kSide - 1, Math.floor(Math.max(ax, bx) + reach));
      const top = Math.max(0, Math.floor(Math.min(ay, by) - reach)), bottom = Math.min(kSide - 1, Math.floor(Math.max(ay, by) + reach));
      for (let y = top; y <= bottom; ++y) {
        for (let x = left; x <= right; ++x) {
          const distance = Math.sqrt(distanceSquared(x + 0.5, y + 0.5, ax, ay, bx, by));
          const ink = Math.min(1, Math.max(0, (kRadius - distance) / kSoftness + 0.5));
          const at = y * kSide + x;
          if (ink > pixels[at]) pixels[at] = ink;
        }
      }
    }
  }
}

/** Fills `pixels` (0 paper, 1 ink); false, and all paper, if there is no stroke. */
export function drawDigit(strokes, pixels) {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i += 2) {
      left = Math.min(left, stroke[i]);
      right = Math.max(right, stroke[i]);
      top = Math.min(top, stroke[i + 1]);
      bottom = Math.max(bottom, stroke[i + 1]);
    }
  }
  if (left > right) {
    pixels.fill(0);
    return false;
  }
  // The box holds the ink, of which the pen's width is a part. A dot stays a dot.
  const scale = (kBox - 2 * kRadius) / Math.max(right - left, bottom - top, kSmallest);
  const middle = kSide / 2;
  let x = middle - scale * (left + right) / 2, y = middle - scale * (top + bottom) / 2;
  paint(strokes, scale, x, y, pixels);
  let mass = 0, massX = 0, massY = 0;
  for (let at = 0; at < kPixels; ++at) {
    mass += pixels[at];
    massX += pixels[at] * (at % kSide + 0.5);
    massY += pixels[at] * (Math.floor(at / kSide) + 0.5);
  }
  x += middle - massX / mass;
  y += middle - massY / mass;
  paint(strokes, scale, x, y, pixels);
  return true;
}
