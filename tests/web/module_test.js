// The npm package's module in Node: what an app calls, and what it hears when it is wrong.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const { TARN_WEB_PAGE: kPage, TARN_WEB_PACKAGE: kPackage } = process.env;
const { load, TarnError } = await import(pathToFileURL(path.join(kPackage, 'tarn.js')));
const kModel = pathToFileURL(path.join(kPage, 'digits.pb'));
const bytes = readFileSync(kModel);
const kNeedsPhotos = { skip: existsSync(path.join(kPage, 'photos.pb')) ? false : 'the page was made without a network for photos (TARN_DATA)' };
// The engine of the page's second tab.
const photoEngine = () => ({ wasm: { simd: readFileSync(path.join(kPage, 'photos/tarn-simd.wasm')), scalar: readFileSync(path.join(kPage, 'photos/tarn.wasm')) } });
const digit = () => Float32Array.from({ length: 784 }, (_, i) => (i % 28 > 12 && i % 28 < 16 ? 1 : 0));

// node:test has no table of cases for messages: what throws, and the words that must be there.
async function says(action, ...words) {
  let message = null;
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof TarnError, `${error}`);
    ({ message } = error);
  }
  assert.ok(message !== null, `nothing thrown, expected ${words}`);
  for (const word of words) assert.ok(message.includes(word), `'${message}' lacks '${word}'`);
}

const kMostBytes = 200_000;
const kMostPackedBytes = 80_000;

test('the digit network has a small engine', (t) => {
  for (const name of ['tarn.wasm', 'tarn-simd.wasm']) {
    const file = readFileSync(path.join(kPage, name));
    const packed = gzipSync(file, { level: 9 }).length;
    t.diagnostic(`${name}: ${file.length} bytes, ${packed} with gzip`);
    assert.ok(file.length <= kMostBytes, `${name}: ${file.length} bytes, more than ${kMostBytes}`);
    assert.ok(packed <= kMostPackedBytes, `${name}: ${packed} bytes with gzip, more than ${kMostPackedBytes}`);
  }
});

for (const simd of [true, false]) {
  test(`loads, says its inputs and outputs, runs (${simd ? 'SIMD' : 'scalar'})`, async () => {
    const model = await load(kModel, { simd });
    assert.deepEqual(model.inputs, [{ name: 'input_node', dtype: 'float32', shape: [-1, 784] }]);
    assert.deepEqual(model.outputs, [{ name: 'output_node', dtype: 'float32', shape: [-1, 10] }]);
    assert.equal(model.selfTest(), true);
    const { output_node: one } = model.run({ input_node: digit() });
    assert.deepEqual([one.shape, one.dtype, one.data.constructor], [[1, 10], 'float32', Float32Array]);
    assert.ok(Math.abs(one.data.reduce((a, b) => a + b) - 1) < 1e-5);
    const two = model.run({ input_node: { data: Float32Array.of(...digit(), ...digit()), shape: [2, 784] } }).output_node;
    assert.deepEqual(two.shape, [2, 10]);
    assert.ok(two.data.every((value, i) => Math.abs(value - one.data[i % 10]) < 1e-6));
    assert.deepEqual(model.run({ input_node: Array.from(digit()) }).output_node.data, one.data);
    model.close();
  });
}

test('copies outputs unless told otherwise; writes into the input where it lies', async () => {
  const model = await load(bytes);
  const copy = model.run({ input_node: digit() }).output_node.data;
  const view = model.run({}, { copy: false }).output_node.data;
  assert.deepEqual(view, copy);
  const held = copy.slice();
  model.buffer('input_node').fill(0);
  model.run();
  assert.deepEqual(copy, held);
  assert.notDeepEqual(model.run().output_node.data, held);
  model.buffer('input_node', [1, 784]).set(digit());
  assert.deepEqual(model.run().output_node.data, held);
  model.close();
});

test('errors name the inputs there are', async () => {
  const model = await load(bytes);
  await says(() => model.run({ image: digit() }), "no input 'image'", 'input_node: float32 [?,784]');
  await says(() => model.run({ input_node: new Float32Array(783) }), "'input_node'", '783 elements', '[?,784]');
  await says(() => model.run({ input_node: { data: digit(), shape: [2, 784] } }), '784 elements given for 1568');
  await says(() => model.run({ input_node: { data: digit(), shape: [28, 28] } }), 'input_node', '28');
  await says(() => model.run({ input_node: { data: digit(), shape: [1, -784] } }), 'no shape');
  await says(() => model.run({ input_node: new Uint8Array(784) }), 'Float32Array', 'Uint8Array');
  await says(() => model.run({ input_node: 5 }), 'typed array');
  await assert.rejects(async () => model.run({ input_node: { data: digit(), shape: [28, 28] } }), { name: 'TarnError', code: 3 });
  // After all that it runs as before.
  assert.equal(model.run({ input_node: digit() }).output_node.data.length, 10);
  model.close();
  await says(() => model.run(), 'closed');
  await says(() => model.metadata, 'closed');
  model.close();
});

test('an input that was never set is named', async () => {
  const model = await load(bytes);
  await says(() => model.run(), 'input_node');
  model.close();
});

test('models that are none are refused with the reason', async () => {
  await says(() => load(new Uint8Array(0)), 'empty');
  await says(() => load(new TextEncoder().encode('not a graph at all')), 'not a GraphDef');
  await says(() => load(bytes.subarray(0, 100_000)), 'damaged');
  await says(() => load(bytes, { outputs: ['output_nod'] }), "'output_nod'", 'output_node');
  await says(() => load(bytes, { inputs: ['x'] }), "'x'");
  await says(() => load(pathToFileURL(path.join(kPage, 'nothing.pb'))).catch((error) => {
    assert.match(error.message, /nothing\.pb/);
    throw error instanceof TarnError ? error : new TarnError(error.message);
  }), 'nothing.pb');
});

test('tells what the file tells of the model', kNeedsPhotos, async () => {
  const none = await load(bytes);
  assert.deepEqual(none.metadata, {});
  none.close();
  const model = await load(pathToFileURL(path.join(kPage, 'photos.pb')), photoEngine());
  assert.deepEqual(model.inputs, [{ name: 'input', dtype: 'float32', shape: [1, 128, 128, 3] }]);
  const [input] = model.metadata.inputs, [output] = model.metadata.outputs;
  assert.deepEqual([input.name, input.mean, input.std], ['input', [127.5], [127.5]]);
  assert.equal(output.name, model.outputs[0].name);
  assert.equal(output.labels.length, 1001);
  assert.equal(output.labels[0], 'background');
  assert.equal(model.selfTest(), true);
  model.close();
});

test('an engine says all ops that it lacks', kNeedsPhotos, async () => {
  await says(() => load(pathToFileURL(path.join(kPage, 'photos.pb'))), 'DepthwiseConv2dNative', 'Relu6');
});

test('takes and gives strings, as texts and as bytes', kNeedsPhotos, async () => {
  const model = await load(pathToFileURL(path.join(kPage, 'strings.pb')), photoEngine());
  assert.deepEqual(model.inputs.map(({ dtype, shape }) => [dtype, shape]), [['string', [-1]], ['string', []]]);
  const names = ['Ada', '', 'Zoë'];
  const { sentences } = model.run({ greeting: 'Hi', names });
  assert.deepEqual(sentences, { data: ['Hi, Ada', 'Hi, ', 'Hi, Zoë'], shape: [3], dtype: 'string' });
  const bytesOnly = model.run({ greeting: Uint8Array.of(0, 255), names: { data: ['x'], shape: [1] } }, { bytes: true }).sentences;
  assert.deepEqual(bytesOnly.data, [Uint8Array.of(0, 255, 0x2c, 0x20, 0x78)]);
  assert.deepEqual(model.run({ names: [] }).sentences.data, []);
  await says(() => model.run({ names: 5 }), "input 'names' takes a string", 'names: string [?]');
  await says(() => model.run({ names: { data: ['a', 'b'], shape: [3] } }), '2 strings given for 3');
  await says(() => model.run({ names: { data: ['a'], shape: [1, 1] } }), 'names');
  await says(() => model.buffer('names'), 'no typed array');
  model.close();
});

test('every prefix and every flipped byte of the file is refused or runs: the engine never stops', async () => {
  // The nodes lie behind the weights here and there: bytes at all scales of the file.
  let refused = 0;
  for (let i = 0; i < 60; ++i) {
    const damaged = Uint8Array.from(bytes);
    const at = (i * 7919 * 31) % 4000 + (i % 3 === 0 ? bytes.length - 4000 : 0);
    damaged[at] ^= 1 << (i % 8);
    try {
      const model = await load(damaged);
      model.run({ [model.inputs[0]?.name ?? 'x']: digit() });
      model.close();
    } catch (error) {
      assert.ok(error instanceof TarnError, `${error}`);
      assert.ok(!/engine stopped/.test(error.message), `byte ${at}: ${error.message}`);
      ++refused;
    }
  }
  assert.ok(refused > 0);
});

test('a thousand models come and go', { timeout: 300_000 }, async () => {
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 1000; ++i) {
    const model = await load(bytes);
    if (i % 50 === 0) model.run({ input_node: digit() });
    model.close();
    if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20));  // lets the garbage go
  }
  // One instance takes some 10 MB: a thousand that stayed would be 10 GB.
  assert.ok(process.memoryUsage().rss - before < 2e9);
});
