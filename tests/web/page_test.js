// The web page in headless Chromium, with real pointer events. run_test.sh says what it needs and runs it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Browser } from './browser.js';
import { readMnist, strokesOf } from './mnist_strokes.js';
import { fromNpy, toNpy } from './npy.js';
import { serve } from './server.js';

const { TARN_WEB_PAGE: kPage, TARN_DATA: kData, TARN_BIN_DIR: kBin, TARN_WEB_PICTURES: kPictures } = process.env;
const kDigits = 100;
const kMostWrong = 3;
const kTolerance = 1e-4;  // float32 sums over 9,216 terms in another order

let server, browser;
before(async () => {
  server = await serve(kPage);
  browser = await Browser.start();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

// `name`: without, the whole address is made of it.
async function openPage(name = '', options = {}) {
  const page = await browser.open(new URL(name, server.url).href, options);
  await page.until(() => document.querySelector('#engine').textContent !== '–');
  return page;
}

const onPaper = (box, strokes) => strokes.map((stroke) => stroke.map(([x, y]) => [box.x + box.width * x, box.y + box.height * y]));
const kSeven = [[[0.3, 0.25], [0.5, 0.25], [0.7, 0.25], [0.62, 0.42], [0.54, 0.6], [0.47, 0.8]]];

async function draw(page, strokes, kind) {
  const box = await page.boxOf('#paper');
  for (const stroke of onPaper(box, strokes)) await page.drag(stroke, kind);
  // What was drawn is read at the next frame.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

const state = (page) => page.evaluate(() => ({
  answer: document.querySelector('#answer').dataset.state,
  digit: document.querySelector('#digit').textContent,
  scores: globalThis.tarnDemo.scores && [...globalThis.tarnDemo.scores],
  pixels: [...globalThis.tarnDemo.pixels],
  strokes: globalThis.tarnDemo.paper.strokes.length,
  bars: [...document.querySelectorAll('#bars .value')].map((value) => value.textContent),
  said: document.querySelector('#announcement').textContent,
  cleared: document.querySelector('#clear').disabled,
  latency: document.querySelector('#latency').textContent,
}));

// Draws MNIST's first digits on the page's paper.
async function drawDigits(page, count) {
  const drawn = [];
  const kinds = ['mouse', 'pen', 'touch'];
  for (const [i, { pixels, label }] of readMnist(path.join(kData, 'mnist'), 't10k', count).entries()) {
    await page.evaluate(() => globalThis.tarnDemo.paper.clear());
    await draw(page, strokesOf(pixels), kinds[i % kinds.length]);
    drawn.push({ label, ...await state(page) });
  }
  return drawn;
}

const kHasPhotos = existsSync(path.join(kPage, 'photos.pb'));
const needsPhotos = { skip: kHasPhotos && kData ? false : 'the page was made without a network for photos (TARN_DATA)' };
const needsData = { skip: kData ? false : 'TARN_DATA is not set: no MNIST digits to draw' };

// What the native engine gives for the same input.
function native(network, input, data, shape, fetch) {
  const folder = mkdtempSync(path.join(tmpdir(), 'tarn-web-'));
  try {
    writeFileSync(path.join(folder, 'x.npy'), toNpy(data, shape));
    execFileSync(path.join(kBin, 'run_graph'), [`--graph=${path.join(kPage, network)}`, '--executor=engine',
      `--feed=${input}=${path.join(folder, 'x.npy')}`, `--fetch=${fetch}`, `--out_dir=${folder}`]);
    return fromNpy(readFileSync(path.join(folder, `${fetch.replaceAll('/', '.')}.npy`)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nativeDigits = (rows, fetch) => native('digits.pb', 'input_node', rows.flat(), [rows.length, 784], fetch);

function largestDifference(a, b) {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

test('reads 100 MNIST digits that are drawn with mouse, pen and finger', needsData, async (t) => {
  const page = await openPage('', { touch: true });
  const drawn = await drawDigits(page, kDigits);
  const wrong = drawn.filter(({ digit, label }) => digit !== String(label));
  t.diagnostic(`${kDigits - wrong.length} of ${kDigits} recognised; wrong: ${wrong.map((one) => `${one.label} as ${one.digit}`).join(', ') || 'none'}`);
  assert.ok(wrong.length <= kMostWrong, `${wrong.length} wrong`);
  const difference = largestDifference(drawn.flatMap((one) => one.scores), nativeDigits(drawn.map((one) => one.pixels), 'output_node'));
  t.diagnostic(`probabilities differ from the native engine's by ${difference.toExponential(1)} at most`);
  assert.ok(difference <= kTolerance);
  assert.deepEqual(page.problems, []);
  await page.close();
});

for (const simd of [true, false]) {
  test(`gives the native engine's logits (${simd ? 'SIMD' : 'scalar'})`, needsData, async (t) => {
    const page = await openPage();
    const rows = readMnist(path.join(kData, 'mnist'), 't10k', kDigits).map(({ pixels }) => Array.from(pixels, (value) => Math.fround(value / 255)));
    const { logits, name } = await page.evaluate(async (rows, simd) => {
      const { load } = await import('./tarn.js');
      const bytes = await (await fetch('digits.pb')).arrayBuffer();
      const whole = await load(bytes, { simd });
      // The input of the last node.
      const name = 'fc2/BiasAdd';
      const model = await load(bytes, { simd, outputs: [name] });
      const logits = rows.flatMap((row) => [...model.run({ input_node: new Float32Array(row) })[name].data]);
      const batch = model.run({ input_node: { data: new Float32Array(rows.flat()), shape: [rows.length, 784] } })[name].data;
      if (batch.some((value, i) => Math.abs(value - logits[i]) > 1e-4)) throw new Error('a batch differs from its rows');
      if (whole.selfTest() !== true) throw new Error('no self-test');
      whole.close();
      model.close();
      return { logits, name };
    }, rows, simd);
    const difference = largestDifference(logits, nativeDigits(rows, name));
    t.diagnostic(`logits differ by ${difference.toExponential(1)} at most`);
    assert.ok(difference <= kTolerance);
    await page.close();
  });
}

test('the first prediction comes within 50 ms of loading', async (t) => {
  const times = [];
  for (let i = 0; i < 5; ++i) {  // a new page, so new code, each time
    const page = await openPage();
    times.push(await page.evaluate(async () => {
      const { load } = await import('./tarn.js');
      const model = await load('digits.pb');
      const start = performance.now();
      model.run({ input_node: new Float32Array(784).fill(0.5) });
      return performance.now() - start;
    }));
    await page.close();
  }
  times.sort((a, b) => a - b);
  t.diagnostic(`first predictions: ${times.map((time) => time.toFixed(1)).join(', ')} ms`);
  assert.ok(times[0] <= 50);  // the others may have waited for other programs
});

test('predicts nothing on empty paper, and again nothing once it is cleared', async () => {
  const page = await openPage();
  const empty = await state(page);
  assert.equal(empty.answer, 'empty');
  assert.equal(empty.scores, null);
  assert.ok(empty.bars.every((value) => value === ''));
  assert.ok(empty.pixels.every((ink) => ink === 0));
  assert.ok(empty.cleared);

  await draw(page, kSeven);
  const seven = await state(page);
  assert.equal(seven.digit, '7');
  assert.match(seven.said, /^Looks like 7, \d/);
  assert.match(seven.latency, /^[\d.]+ ms$/);

  await page.click('#clear');
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const again = await state(page);
  assert.equal(again.answer, 'empty');
  assert.equal(again.scores, null);
  assert.equal(again.strokes, 0);
  assert.ok(again.pixels.every((ink) => ink === 0));
  await page.close();
});

test('reads the same wherever and however large a digit is drawn, and centres it by mass', async () => {
  const page = await openPage();
  for (const [scale, x, y] of [[1, 0, 0], [0.35, 0.6, 0.6], [0.3, 0.02, 0.65]]) {
    await page.evaluate(() => globalThis.tarnDemo.paper.clear());
    await draw(page, kSeven.map((stroke) => stroke.map(([px, py]) => [x + scale * px, y + scale * py])));
    const { digit, pixels } = await state(page);
    assert.equal(digit, '7');
    const mass = pixels.reduce((sum, ink) => sum + ink, 0);
    const middle = (axis) => pixels.reduce((sum, ink, i) => sum + ink * (axis ? Math.floor(i / 28) : i % 28), 0) / mass;
    assert.ok(Math.abs(middle(0) - 13.5) < 0.25 && Math.abs(middle(1) - 13.5) < 0.25, `centre ${middle(0)}, ${middle(1)}`);
    const rows = [...Array(28).keys()].filter((row) => pixels.slice(28 * row, 28 * row + 28).some((ink) => ink > 0.5));
    assert.ok(rows.length >= 18 && rows.length <= 21, `${rows.length} rows`);
  }
  await page.close();
});

test('undo takes back one stroke', async () => {
  const page = await openPage();
  await draw(page, [...kSeven, [[0.35, 0.55], [0.65, 0.5]]]);
  assert.equal((await state(page)).strokes, 2);
  await page.click('#undo');
  assert.equal((await state(page)).strokes, 1);
  await page.close();
});

test('draws with the keyboard alone', async () => {
  const page = await openPage();
  // To the paper: whatever the tab key meets before it.
  for (let i = 0; i < 6 && await page.evaluate(() => document.activeElement.id !== 'paper'); ++i) await page.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'paper');
  const shift = 8;
  await page.press(' ');
  for (let i = 0; i < 6; ++i) await page.press('ArrowDown', shift);
  await page.press(' ');
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const one = await state(page);
  assert.equal(one.digit, '1');
  assert.match(one.said, /^Looks like 1/);
  await page.press('Delete');
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  assert.equal((await state(page)).answer, 'empty');
  await page.close();
});

test('tells screen readers what everything is', async () => {
  const page = await openPage();
  await page.send('Accessibility.enable');
  const { nodes } = await page.send('Accessibility.getFullAXTree');
  const found = nodes.filter((node) => !node.ignored).map((node) => `${node.role?.value}: ${node.name?.value}`);
  for (const expected of ['application: Paper to draw a digit on', 'button: Clear', 'button: Undo', 'tab: Digits', 'tab: Photos',
    'list: How likely each digit is', 'image: What the network sees: nothing yet'].filter((one) => kHasPhotos || one !== 'tab: Photos')) {
    assert.ok(found.includes(expected), `no '${expected}'`);
  }
  assert.equal(found.includes('tab: Photos'), kHasPhotos);
  assert.ok(nodes.some((node) => node.role?.value === 'status' && node.properties.some(({ name, value }) => name === 'live' && value.value === 'polite')));
  for (const node of nodes) {
    if (['button', 'tab', 'textbox', 'application'].includes(node.role?.value)) assert.ok(node.name.value, `a ${node.role.value} without a name`);
  }
  await page.close();
});

test('a finger on the paper draws, and scrolls the page elsewhere', async () => {
  const page = await openPage('', { width: 390, height: 500, touch: true });
  const scrolled = () => page.evaluate(() => scrollY);
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight > innerHeight + 100), 'nothing to scroll');
  const { x, y, width } = await page.boxOf('#paper');
  const swipe = (from, to, at) => page.drag([...Array(12).keys()].map((i) => [at, from + (to - from) * i / 11]), 'touch');
  await swipe(y + width * 0.8, y + width * 0.2, x + width / 2);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await scrolled(), 0);
  assert.equal((await state(page)).strokes, 1);
  // The same beside the paper scrolls: the emulation is not what holds the page still.
  await swipe(480, 200, 5);
  await page.until(() => scrollY > 0);
  assert.equal((await state(page)).strokes, 1);
  await page.close();
});

test('follows the light or dark theme of the system', async () => {
  const background = async (dark) => {
    const page = await openPage('', { dark });
    const color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.close();
    return color.match(/\d+/g).slice(0, 3).reduce((sum, value) => sum + Number(value), 0) / 3;
  };
  assert.ok(await background(false) > 220);
  assert.ok(await background(true) < 40);
});

test('works offline once it was seen, and fetches the network once', async () => {
  const own = await serve(kPage);
  const page = await browser.open(own.url);
  await page.until(() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null));
  await page.until(() => document.querySelector('#answer').dataset.state === 'empty');
  assert.equal(await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('digits.pb')).length), 1);
  await own.close();
  await page.go();
  await page.until(() => document.querySelector('#answer').dataset.state === 'empty');
  await draw(page, kSeven);
  assert.equal((await state(page)).digit, '7');
  await page.close();
});

test('works from a file on the disk', async () => {
  const page = await browser.open(pathToFileURL(path.join(kPage, 'digits.html')).href);
  await page.until(() => document.querySelector('#answer').dataset.state === 'empty');
  await draw(page, kSeven);
  assert.equal((await state(page)).digit, '7');
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('without SIMD it takes the scalar engine', async () => {
  const page = await openPage('?simd=off');
  await draw(page, kSeven);
  assert.equal((await state(page)).digit, '7');
  const fetched = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1)).filter((name) => name.endsWith('.wasm')));
  assert.deepEqual(fetched, ['tarn.wasm']);
  await page.close();

  // A browser that knows no SIMD says so when it is asked.
  const old = await openPage('', { before: 'WebAssembly.validate = () => false' });
  assert.deepEqual(await old.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1)).filter((name) => name.endsWith('.wasm'))), ['tarn.wasm']);
  await old.close();
});

test('says what is wrong where the network is missing or damaged', async () => {
  for (const [answer, expected] of [
    ["new Response('', { status: 404 })", /digits\.pb: HTTP status 404/],
    ["new Response('not a graph at all')", /not a GraphDef/],
  ]) {
    const before = `const real = fetch; window.fetch = (url, ...rest) => String(url).endsWith('digits.pb') ? Promise.resolve(${answer}) : real(url, ...rest);`;
    const page = await browser.open(server.url, { before });
    await page.until(() => document.querySelector('#answer').dataset.state === 'failed');
    assert.match(await page.evaluate(() => document.querySelector('#phrase').textContent), expected);
    await page.close();
  }
});

// The second tab, with the photo put there as a visitor puts it.
async function openPhotos(options = {}) {
  const page = await openPage('', options);
  await page.click('#tab-photos');
  return page;
}
const photo = (name) => path.join(kData, 'images', name);
const bestOf = (page) => page.evaluate(() => [...document.querySelectorAll('#photo-bars li')].map((row) => row.firstElementChild.textContent));
async function dropPhoto(page, file) {
  const [x, y] = await page.middleOf('#drop');
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) await page.send('Input.dispatchDragEvent', { type, x, y, data });
}
const photoRead = (page) => page.until(() => globalThis.tarnPhotos.scores !== null && document.querySelectorAll('#photo-bars li').length === 5);

test('labels a photo that is dropped on it: the five labels of the native engine', needsPhotos, async (t) => {
  const page = await openPhotos();
  await dropPhoto(page, photo('grace_hopper.jpg'));
  await photoRead(page);
  const { input, scores } = await page.evaluate(() => ({ input: globalThis.tarnPhotos.input, scores: globalThis.tarnPhotos.scores }));
  const expected = native('photos.pb', 'input', input.data, input.shape, 'MobilenetV1/Predictions/Reshape_1');
  const difference = largestDifference(scores, expected);
  t.diagnostic(`scores differ from the native engine's by ${difference.toExponential(1)} at most`);
  assert.ok(difference <= kTolerance);
  const labels = readFileSync(photo('imagenet_slim_labels.txt'), 'utf8').split('\n');
  const best = [...expected.keys()].sort((a, b) => expected[b] - expected[a]).slice(0, 5).map((i) => labels[i]);
  assert.deepEqual(await bestOf(page), best);
  assert.equal(await page.evaluate(() => document.querySelector('#photo-answer').textContent.split(',')[0]), best[0].split(',')[0]);
  // Decoders and scaling differ in the last bits of a pixel, the most likely label does not.
  const said = execFileSync(path.join(kBin, 'label_image'), [`--graph=${path.join(kPage, 'photos.pb')}`, `--image=${photo('grace_hopper.jpg')}`,
    '--crop=center', '--top_k=5', `--labels=${photo('imagenet_slim_labels.txt')}`, '--input_mean=127.5', '--input_std=127.5'], { encoding: 'utf8' });
  t.diagnostic(`${best.join('; ')}; label_image: ${said.trim().split('\n').join('; ')}`);
  assert.equal(said.slice(0, best[0].length), best[0]);
  assert.deepEqual(page.problems, []);
  await page.close();
});

test('a photo may be chosen, and replaced; what is no picture is told', needsPhotos, async () => {
  const page = await openPhotos();
  const choose = async (file) => {
    const { root } = await page.send('DOM.getDocument');
    const { nodeId } = await page.send('DOM.querySelector', { nodeId: root.nodeId, selector: '#photo' });
    await page.send('DOM.setFileInputFiles', { nodeId, files: [file] });
  };
  await choose(photo('grace_hopper.jpg'));
  await photoRead(page);
  const first = await bestOf(page);
  await choose(photo('pilatus800.jpg'));
  await page.until((first) => document.querySelector('#photo-bars li')?.firstElementChild.textContent !== first &&
    document.querySelectorAll('#photo-bars li').length === 5, first[0]);
  await choose(photo('imagenet_slim_labels.txt'));
  await page.until(() => /is no picture/.test(document.querySelector('#photo-answer').textContent));
  assert.match(await page.evaluate(() => document.querySelector('#photo-answer').textContent), /imagenet_slim_labels\.txt is no picture/);
  await page.close();
});

test('the tabs are reached by keyboard, and the address keeps the tab', needsPhotos, async () => {
  const page = await openPage();
  await page.evaluate(() => document.querySelector('#tab-digits').focus());
  await page.press('ArrowRight');
  const shown = () => page.evaluate(() => [document.activeElement.id, ...[...document.querySelectorAll('[role=tabpanel]')].map((panel) => panel.hidden)]);
  assert.deepEqual(await shown(), ['tab-photos', true, false]);
  await page.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'photo');
  await page.close();
  const again = await openPage('#photos');
  assert.deepEqual((await again.evaluate(() => [...document.querySelectorAll('[role=tabpanel]')].map((panel) => panel.hidden))), [true, false]);
  await again.close();
});

test('photos are labelled offline once the network was loaded', needsPhotos, async () => {
  const own = await serve(kPage);
  const page = await browser.open(own.url);
  await page.until(() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null));
  await page.click('#tab-photos');
  await dropPhoto(page, photo('grace_hopper.jpg'));
  await photoRead(page);
  const best = await bestOf(page);
  await own.close();
  await page.go();
  await page.click('#tab-photos');
  await dropPhoto(page, photo('grace_hopper.jpg'));
  await photoRead(page);
  assert.deepEqual(await bestOf(page), best);
  await page.close();
});

if (kPictures) {
  test('pictures for the documents', async () => {
    mkdirSync(kPictures, { recursive: true });
    const keep = async (name, page) => {
      await new Promise((resolve) => setTimeout(resolve, 400));  // bars move
      writeFileSync(path.join(kPictures, `${name}.png`), await page.screenshot());
      await page.close();
    };
    const three = [[[0.28, 0.3], [0.38, 0.2], [0.55, 0.19], [0.66, 0.28], [0.64, 0.4], [0.55, 0.47], [0.45, 0.49]],
      [[0.45, 0.49], [0.6, 0.52], [0.7, 0.62], [0.66, 0.76], [0.52, 0.83], [0.38, 0.81], [0.28, 0.72]]];
    for (const [name, options] of [['web_digits', {}], ['web_digits_dark', { dark: true }]]) {
      const page = await openPage('', { width: 880, height: 640, ...options });
      await draw(page, three);
      await keep(name, page);
    }
    const phone = await openPage('', { width: 390, height: 760, touch: true, dark: true });
    await draw(phone, kSeven, 'touch');
    await keep('web_digits_phone', phone);
    if (needsPhotos.skip) return;
    const page = await openPhotos({ width: 880, height: 640 });
    await dropPhoto(page, photo('grace_hopper.jpg'));
    await photoRead(page);
    await keep('web_photos', page);
  });
}
