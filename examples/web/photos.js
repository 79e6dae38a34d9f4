// The second tab: a photo, and the five labels that fit it best. The model says itself how pixels become its input, and
// what its scores mean, in its metadata.
import { Bars, milliseconds, percent } from './bars.js';

const kTop = 5;

// What the model takes, from its first input of four dims and its metadata.
function inputOf(model) {
  const input = model.inputs.find((info) => info.shape?.length === 4) ?? model.inputs[0];
  const told = model.metadata.inputs?.find((info) => info.name === input.name) ?? model.metadata.inputs?.[0] ?? {};
  const isFirst = told.layout === 'NCHW' || (!told.layout && input.shape?.[1] === 3);
  const [, a, b, c] = input.shape ?? [];
  const side = (dim) => (dim > 0 ? dim : 224);
  const [height, width, channels] = isFirst ? [side(b), side(c), a] : [side(a), side(b), c];
  const perChannel = (values, otherwise) => [0, 1, 2].map((i) => values?.[values.length > 1 ? i : 0] ?? otherwise);
  return { name: input.name, dtype: input.dtype, height, width, channels: channels > 0 ? channels : 3, isFirst,
           isBgr: told.color_order === 'BGR', mean: perChannel(told.mean, 127.5), std: perChannel(told.std, 127.5) };
}

// Pixels of the canvas as the model wants them, [1, height, width, channels] or channels first.
export function toInput(picture, input) {
  const { width, height, channels } = input;
  const count = width * height;
  const isBytes = input.dtype === 'uint8';
  const data = isBytes ? new Uint8Array(count * channels) : new Float32Array(count * channels);
  for (let at = 0; at < count; ++at) {
    const rgb = picture.data.subarray(4 * at, 4 * at + 3);
    for (let channel = 0; channel < channels; ++channel) {
      const value = channels === 1 ? 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] : rgb[input.isBgr ? 2 - channel : channel];
      const place = input.isFirst ? channel * count + at : at * channels + channel;
      data[place] = isBytes ? value : (value - input.mean[channel]) / input.std[channel];
    }
  }
  return { data, shape: input.isFirst ? [1, channels, height, width] : [1, height, width, channels] };
}

// The largest square from the middle, at the model's size. In steps of a half, which a browser's scaling needs to be
// smooth.
function squareOf(image, width, height) {
  let side = Math.min(image.width, image.height);
  let from = image, x = (image.width - side) / 2, y = (image.height - side) / 2;
  for (;;) {
    const next = Math.max(width, Math.ceil(side / 2));
    const isLast = next <= width || side <= width;
    const canvas = document.createElement('canvas');
    canvas.width = isLast ? width : next;
    canvas.height = isLast ? height : next;
    const context = canvas.getContext('2d', { willReadFrequently: isLast });
    context.imageSmoothingQuality = 'high';
    context.drawImage(from, x, y, side, side, 0, 0, canvas.width, canvas.height);
    if (isLast) return canvas;
    [from, x, y, side] = [canvas, 0, 0, next];
  }
}

function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

export function startPhotos(loadDefault, loadOwn) {
  const element = (id) => document.getElementById(id);
  const bars = new Bars(element('photo-bars'));
  let model = null;  // promise
  let image = null;
  let last = null;  // what was fed and what came of it

  const say = (text) => { element('photo-answer').textContent = text; };
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

  async function look() {
    if (!image) return;
    const mine = image;
    say('Looking …');
    bars.show([]);
    try {
      model ??= loadDefault();
      const { model: loaded, labels } = await model;
      await painted();
      if (mine !== image) return;  // another photo came meanwhile
      const input = inputOf(loaded);
      const square = squareOf(image, input.width, input.height);
      const picture = square.getContext('2d').getImageData(0, 0, input.width, input.height);
      const feed = { [input.name]: toInput(picture, input) };
      const start = performance.now();
      const outputs = loaded.run(feed);
      element('photo-latency').textContent = milliseconds(performance.now() - start);
      const told = loaded.metadata.outputs?.find((info) => info.labels) ?? {};
      const output = outputs[told.name] ?? outputs[loaded.outputs[0].name];
      let scores = Array.from(output.data, Number);
      last = { input: feed[input.name], scores };
      const isShares = scores.every((score) => score >= -1e-6) && Math.abs(scores.reduce((a, b) => a + b, 0) - 1) < 1e-2;
      if (!isShares) scores = softmax(scores);
      const names = told.labels ?? labels ?? [];
      const best = scores.map((share, i) => ({ share, name: names[i] ?? `class ${i}` })).sort((a, b) => b.share - a.share).slice(0, kTop);
      bars.show(best);
      say(`${best[0].name}, ${percent(best[0].share)}`);
    } catch (error) {
      say(error.message);
    }
  }

  async function take(file) {
    if (!file) return;
    try {
      image = await createImageBitmap(file, { imageOrientation: 'from-image' });
    } catch {
      say(`${file.name || 'That'} is no picture this browser can read.`);
      return;
    }
    const canvas = element('picture');
    const shown = squareOf(image, 448, 448);
    canvas.width = canvas.height = 448;
    canvas.getContext('2d').drawImage(shown, 0, 0);
    canvas.hidden = false;
    element('drop').classList.add('has-photo');
    await look();
  }

  const drop = element('drop');
  element('photo').addEventListener('change', (event) => take(event.target.files[0]));
  for (const type of ['dragenter', 'dragover']) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take([...event.dataTransfer.files].find((file) => file.type.startsWith('image/')) ?? event.dataTransfer.files[0]);
  });
  document.addEventListener('paste', (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith('image/'));
    if (file && !element('panel-photos').hidden) take(file);
  });
  element('own-model').addEventListener('change', async (event) => {
    const file = event.target.files[0];
    if (!file) return;
    try {
      const next = await loadOwn(file);
      (await model?.catch(() => null))?.model.close();
      model = Promise.resolve(next);
      element('model-name').textContent = next.model.metadata.name ?? file.name;
      await look();
    } catch (error) {
      say(error.message);
    }
  });

  // For whoever wants to know more than the page shows, from its console.
  return {
    get input() { return last && { data: Array.from(last.input.data), shape: last.input.shape }; },
    get scores() { return last?.scores ?? null; },
  };
}
