// MNIST's digits as somebody could have drawn them: the picture thinned to lines, the lines followed as strokes; where a
// line is thicker than the page's pen, it is filled in from left to right.
//
//   const digits = readMnist(folder, 't10k');                     // {pixels (28 x 28 bytes), label}, …
//   const strokes = strokesOf(digits[0].pixels);                  // [[x, y], …] each, from 0 to 1
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const kSide = 28;
const kFiner = 4;
const kFine = kSide * kFiner;
const kInk = 100;       // of 255
const kPen = 5.2;       // radius of the page's pen, 1.3 pixels
const kShortest = 7;    // spurs of fewer points are of the thinning, not of the hand

export function readMnist(folder, which, count) {
  const read = (name) => gunzipSync(readFileSync(path.join(folder, name)));
  const images = read(`${which}-images-idx3-ubyte.gz`).subarray(16), labels = read(`${which}-labels-idx1-ubyte.gz`).subarray(8);
  return Array.from({ length: Math.min(count ?? labels.length, labels.length) }, (_, i) => (
    { pixels: images.subarray(i * kSide * kSide, (i + 1) * kSide * kSide), label: labels[i] }));
}

function enlarge(pixels) {
  const at = (x, y) => (x < 0 || y < 0 || x >= kSide || y >= kSide ? 0 : pixels[y * kSide + x]);
  const ink = new Uint8Array(kFine * kFine);
  for (let i = 0; i < ink.length; ++i) {
    const x = (i % kFine + 0.5) / kFiner - 0.5, y = (Math.floor(i / kFine) + 0.5) / kFiner - 0.5;
    const left = Math.floor(x), top = Math.floor(y), u = x - left, v = y - top;
    const value = (1 - v) * ((1 - u) * at(left, top) + u * at(left + 1, top)) + v * ((1 - u) * at(left, top + 1) + u * at(left + 1, top + 1));
    ink[i] = value > kInk ? 1 : 0;
  }
  return ink;
}

// Around a pixel, clockwise from above.
const kAround = [-kFine, -kFine + 1, 1, kFine + 1, kFine, kFine - 1, -1, -kFine - 1];

// Zhang and Suen 1984.
function thin(ink) {
  for (let changed = true; changed;) {
    changed = false;
    for (const step of [0, 1]) {
      const gone = [];
      for (let i = kFine + 1; i < ink.length - kFine - 1; ++i) {
        if (!ink[i]) continue;
        const p = kAround.map((offset) => ink[i + offset]);
        const neighbours = p.reduce((sum, value) => sum + value, 0);
        const rises = p.filter((value, k) => !value && p[(k + 1) % 8]).length;
        const [n, , e, , s, , w] = p;
        const isOpen = step === 0 ? !(n && e && s) && !(e && s && w) : !(n && e && w) && !(n && s && w);
        if (neighbours >= 2 && neighbours <= 6 && rises === 1 && isOpen) gone.push(i);
      }
      gone.forEach((i) => { ink[i] = 0; });
      changed ||= gone.length > 0;
    }
  }
  return ink;
}

// The rows of where the pen's middle can be without its ink leaving the line.
function fill(ink) {
  const strokes = [];
  const reach = Math.ceil(kPen);
  const isInside = (x, y) => {
    for (let dy = -reach; dy <= reach; ++dy) {
      for (let dx = -reach; dx <= reach; ++dx) {
        if (dx * dx + dy * dy <= kPen * kPen && !ink[(y + dy) * kFine + x + dx]) return false;
      }
    }
    return true;
  };
  for (let y = reach; y < kFine - reach; y += 3) {
    for (let x = reach; x < kFine - reach; ++x) {
      if (!isInside(x, y)) continue;
      const start = x;
      while (x + 1 < kFine - reach && isInside(x + 1, y)) ++x;
      strokes.push([[(start + 0.5) / kFine, (y + 0.5) / kFine], [(x + 0.5) / kFine, (y + 0.5) / kFine]]);
    }
  }
  return strokes;
}

export function strokesOf(pixels) {
  const ink = enlarge(pixels);
  const filling = fill(ink);
  const line = thin(ink);
  const neighbours = (i) => kAround.map((offset) => i + offset).filter((j) => line[j]);
  const isDone = new Set();
  const direction = (a, b) => [b % kFine - a % kFine, Math.floor(b / kFine) - Math.floor(a / kFine)];
  function follow(start) {
    const path = [start];
    isDone.add(start);
    for (;;) {
      const here = path.at(-1);
      const next = neighbours(here).filter((j) => !isDone.has(j));
      if (next.length === 0) break;
      // Straight on, as a hand goes.
      const [dx, dy] = direction(path.at(-Math.min(6, path.length)), here);
      const ahead = (j) => { const [x, y] = direction(here, j); return (x * dx + y * dy) / Math.hypot(x, y); };
      next.sort((a, b) => ahead(b) - ahead(a));
      path.push(next[0]);
      isDone.add(next[0]);
    }
    // Up to the line it meets there, or to its own beginning.
    const touch = neighbours(path.at(-1)).find((j) => !path.slice(-4).includes(j));
    if (touch !== undefined) path.push(touch);
    return path;
  }
  const all = [...line.keys()].filter((i) => line[i]);
  const strokes = [];
  const take = (start) => {
    if (isDone.has(start)) return;
    const before = neighbours(start).find((j) => isDone.has(j));
    const path = follow(start);
    if (before !== undefined) path.unshift(before);
    strokes.push(path);
  };
  all.filter((i) => neighbours(i).length === 1).forEach(take);
  all.forEach(take);
  const longest = Math.max(...strokes.map((stroke) => stroke.length));
  const points = strokes.filter((stroke) => stroke.length >= Math.min(kShortest, longest))
    .map((stroke) => stroke.map((i) => [(i % kFine + 0.5) / kFine, (Math.floor(i / kFine) + 0.5) / kFine]));
  // Pixels' steps are evened out; every third point is what a hand would be sampled at.
  const lines = points.map((stroke) => stroke.map((_, i) => {
    const window = stroke.slice(Math.max(0, i - Math.min(3, i, stroke.length - 1 - i)), i + Math.min(3, i, stroke.length - 1 - i) + 1);
    return [0, 1].map((axis) => window.reduce((sum, point) => sum + point[axis], 0) / window.length);
  }).filter((_, i) => i % 3 === 0 || i === stroke.length - 1));
  return [...lines, ...filling];
}
