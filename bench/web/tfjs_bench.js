// The digit network in this engine and in TensorFlow.js' WebAssembly backend, in the same browser, in turns.
// bench/web/run.sh makes what it needs and runs it.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Browser } from '../../tests/web/browser.js';
import { serve } from '../../tests/web/server.js';

const { TARN_WEB_PAGE: kPage, TARN_WEB_MODEL: kModel, TARN_BIN_DIR: kBin, TARN_WEB_BUILD: kBuild } = process.env;
const kRounds = 15, kRuns = 60;
// The constants of the frozen network, and what TensorFlow.js calls them here.
const kConstants = { w1: 'conv1/Conv2D/folded_weights', b1: 'conv1_bn/cond/FusedBatchNorm_1/folded_bias', w2: 'conv2/Conv2D/folded_weights',
  b2: 'conv2_bn/cond/FusedBatchNorm_1/folded_bias', w3: 'fc1/kernel', b3: 'fc1/bias', w4: 'fc2/kernel', b4: 'fc2/bias' };

const folder = path.join(kBuild, 'bench');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
cpSync(kPage, folder, { recursive: true });
cpSync(kModel, path.join(folder, 'float.pb'));
const packages = path.join(kBuild, 'npm/node_modules/@tensorflow');
cpSync(path.join(packages, 'tfjs-core/dist/tf-core.min.js'), path.join(folder, 'tf-core.min.js'));
cpSync(path.join(packages, 'tfjs-backend-wasm/dist'), path.join(folder, 'tfjs'), { recursive: true, filter: (name) => !/\.(map|ts)$/.test(name) });
execFileSync(path.join(kBin, 'run_graph'), [`--graph=${kModel}`, `--fetch=${Object.values(kConstants).join()}`, `--out_dir=${folder}`]);
const constants = Object.fromEntries(Object.entries(kConstants).map(([key, name]) => {
  const npy = readFileSync(path.join(folder, `${name.replaceAll('/', '.')}.npy`));
  const end = 10 + npy.readUInt16LE(8);
  const shape = /'shape': \(([\d, ]*)\)/.exec(npy.subarray(10, end).toString('latin1'))[1].split(',').filter((dim) => dim.trim()).map(Number);
  writeFileSync(path.join(folder, `${key}.bin`), npy.subarray(end));
  return [key, shape];
}));
writeFileSync(path.join(folder, 'bench.html'), '<!doctype html><script src="tf-core.min.js"></script><script src="tfjs/tf-backend-wasm.min.js"></script>');

const server = await serve(folder);
const browser = await Browser.start();
const { product } = await browser.send('Browser.getVersion');

// What a visitor waits for: a new page each time.
const starts = [];
for (let i = 0; i < 7; ++i) {
  const page = await browser.open(new URL('bench.html', server.url).href);
  starts.push(await page.evaluate(async () => {
    const { load } = await import('./tarn.js');
    const begin = performance.now();
    const model = await load('digits.pb');
    const loaded = performance.now();
    model.run({ input_node: new Float32Array(784).fill(0.5) });
    return { load: loaded - begin, first: performance.now() - loaded };
  }));
  await page.close();
}

const page = await browser.open(new URL('bench.html', server.url).href);
const result = await page.evaluate(async (shapes, rounds, runs) => {
  const { load } = await import('./tarn.js');
  tf.wasm.setWasmPaths('tfjs/');
  await tf.setBackend('wasm');
  const c = {};
  for (const [key, shape] of Object.entries(shapes)) {
    c[key] = tf.tensor(new Float32Array(await (await fetch(`${key}.bin`)).arrayBuffer()), shape);
  }
  // As the converter writes a frozen graph: bias and activation fused into convolutions and products.
  const network = (pixels) => tf.tidy(() => {
    const x = tf.tensor(pixels, [1, 28, 28, 1]);
    const conv = (x, filter, bias) => tf.fused.conv2d({ x, filter, strides: 1, pad: 'valid', bias, activation: 'relu' });
    const pooled = tf.maxPool(conv(conv(x, c.w1, c.b1), c.w2, c.b2), 2, 2, 'valid');
    const hidden = tf.fused.matMul({ a: tf.reshape(pooled, [1, -1]), b: c.w3, bias: c.b3, activation: 'relu' });
    return tf.softmax(tf.fused.matMul({ a: hidden, b: c.w4, bias: c.b4 })).dataSync();
  });
  const models = { 'tarn, SIMD': await load('float.pb'), 'tarn, scalar': await load('float.pb', { simd: false }), 'tarn, SIMD, weights in 8 bits': await load('digits.pb') };
  const contestants = Object.fromEntries(Object.entries(models).map(([name, model]) => [name, (pixels) => model.run({ input_node: pixels }).output_node.data]));
  contestants['TensorFlow.js, wasm'] = network;
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const picture = () => Float32Array.from({ length: 784 }, () => (random() < 0.2 ? random() : 0));
  const sample = picture();
  const expected = network(sample);
  const difference = contestants['tarn, SIMD'](sample).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const times = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let round = -2; round < rounds; ++round) {
    for (const [name, run] of Object.entries(contestants)) {
      const pictures = Array.from({ length: runs }, picture);
      const begin = performance.now();
      for (const pixels of pictures) run(pixels);
      if (round >= 0) times[name].push((performance.now() - begin) / runs);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return { difference, tfjs: `${tf.version_core}, ${simd ? 'SIMD' : 'no SIMD'}, 1 thread`,
    times: Object.entries(times).map(([name, all]) => ({ name, median: median(all), least: all[0], most: all.at(-1) })) };
}, constants, kRounds, kRuns);
await browser.close();
await server.close();

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(`${product}; TensorFlow.js ${result.tfjs}; ${kRounds} rounds of ${kRuns} digits in turns, ms a digit`);
for (const { name, median, least, most } of result.times) {
  console.log(`${name.padEnd(32)} ${median.toFixed(2).padStart(7)}   (${least.toFixed(2)} to ${most.toFixed(2)})`);
}
console.log(`largest difference of a probability: ${result.difference.toExponential(1)}`);
console.log(`load ${middle(starts.map(({ load }) => load)).toFixed(1)} ms, first prediction ${middle(starts.map(({ first }) => first)).toFixed(1)} ms after it (most ${Math.max(...starts.map(({ first }) => first)).toFixed(1)})`);
