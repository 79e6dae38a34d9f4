// Tarn's engine in the browser (and in Node): a frozen TensorFlow graph in, typed arrays out.
//
//   import { load } from '@tarn/engine';
//
//   const model = await load('digits.pb');                       // address, or bytes
//   const { output_node } = model.run({ input_node: pixels });   // Float32Array of 784: shape [1,784]
//   console.log(output_node.data, output_node.shape);
//   model.close();
//
// Each model has a WebAssembly instance of its own, so that close() gives all of its memory back and no model can harm
// another. Errors are Errors with the engine's words: what is wrong, and which names there are.

// TensorFlow's numbers.
const kTypes = {
  1: ['float32', Float32Array],
  2: ['float64', Float64Array],
  3: ['int32', Int32Array],
  4: ['uint8', Uint8Array],
  5: ['int16', Int16Array],
  6: ['int8', Int8Array],
  9: ['int64', globalThis.BigInt64Array],
  10: ['bool', Uint8Array],
  17: ['uint16', Uint16Array],
  19: ['float16', Uint16Array],  // as bits
  22: ['uint32', Uint32Array],
  23: ['uint64', globalThis.BigUint64Array],
};
const kString = 7;
const kMostDims = 32;

export class TarnError extends Error {
  constructor(message, code = 0) {
    super(message);
    this.name = 'TarnError';
    this.code = code;  // TensorFlow's number of the kind of error: 3 InvalidArgument, 5 NotFound …
  }
}

// A module of one function whose body is `i32.const 0; i8x16.splat; i8x16.popcnt; drop`: valid only where there is SIMD.
const kSimdProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 11, 1, 9, 0, 65, 0, 253, 15, 253, 98, 26, 11,
]);

/** True if this browser runs the faster of the two builds. */
export function hasSimd() {
  return WebAssembly.validate(kSimdProbe);
}

async function fetchBytes(url, what) {
  if (url.protocol === 'file:' && typeof process === 'object' && process.versions?.node) {
    const { readFile } = await import('node:fs/promises');
    return readFile(url);
  }
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new TarnError(`${what} ${url}: ${error.message}`);
  }
  if (!response.ok) throw new TarnError(`${what} ${url}: HTTP status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

// What addresses are relative to: the page, a worker's file, or the folder that Node was started in.
function baseUrl() {
  if (typeof document === 'object') return document.baseURI;
  return typeof location === 'object' ? location.href : `file://${process.cwd()}/`;
}

function isBytes(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function bytesOf(value) {
  return value instanceof ArrayBuffer ? new Uint8Array(value)
                                      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

const compiled = new Map();  // address -> promise of WebAssembly.Module

function engineModule(options) {
  const simd = options.simd ?? hasSimd();
  const given = options.wasm?.simd || options.wasm?.scalar ? options.wasm[simd ? 'simd' : 'scalar'] : options.wasm;
  if (given instanceof WebAssembly.Module) return given;
  if (isBytes(given)) return WebAssembly.compile(given);
  const url = given ? new URL(given, baseUrl()) : new URL(simd ? './tarn-simd.wasm' : './tarn.wasm', import.meta.url);
  const key = url.href;
  if (!compiled.has(key)) {
    const module = fetchBytes(url, 'engine').then((bytes) => WebAssembly.compile(bytes));
    module.catch(() => compiled.delete(key));  // another try may have more luck
    compiled.set(key, module);
  }
  return compiled.get(key);
}

// What the module asks of its surroundings: a clock, a way to say its last words, nothing else. Whatever else the C
// library names (files, the environment) is answered with "not supported".
function surroundings(module, engine) {
  const kNotSupported = 52;
  const known = {
    clock_time_get(_clock, _precision, out) {
      engine.view.setBigUint64(out, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
    fd_write(_fd, pieces, count, out) {
      let total = 0;
      for (let i = 0; i < count; ++i) {
        const at = engine.view.getUint32(pieces + 8 * i, true);
        const size = engine.view.getUint32(pieces + 8 * i + 4, true);
        engine.said += new TextDecoder().decode(engine.bytes.subarray(at, at + size));
        total += size;
      }
      engine.view.setUint32(out, total, true);
      return 0;
    },
    environ_sizes_get(count, size) {
      engine.view.setUint32(count, 0, true);
      engine.view.setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
    proc_exit(status) {
      throw new TarnError(`the engine ended with status ${status}`);
    },
    emscripten_notify_memory_growth() {},
    emscripten_get_now: () => performance.now(),
  };
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function') continue;
    (imports[from] ??= {})[name] = known[name] ?? (() => kNotSupported);
  }
  return imports;
}

// One instance of the module, and how its memory is read and written.
class EngineInstance {
  static async create(module) {
    const engine = new EngineInstance();
    engine.said = '';
    const instance = await WebAssembly.instantiate(module, surroundings(module, engine));
    engine.exports = instance.exports;
    engine.exports._initialize?.();
    return engine;
  }

  // The memory's buffer is another one each time the memory grows.
  get bytes() {
    const { buffer } = this.exports.memory;
    if (this.cachedBytes?.buffer !== buffer) this.cachedBytes = new Uint8Array(buffer);
    return this.cachedBytes;
  }
  get view() {
    const { buffer } = this.exports.memory;
    if (this.cachedView?.buffer !== buffer) this.cachedView = new DataView(buffer);
    return this.cachedView;
  }

  // A trap is the end of an instance: its memory is in no known state.
  call(name, ...args) {
    if (this.dead) throw new TarnError(this.dead);
    try {
      return this.exports[name](...args);
    } catch (error) {
      const why = this.said ? `: ${this.said.trim()}` : ` (${error.message}); most likely the memory was not enough`;
      this.dead = `the engine stopped${why}; load the model again`;
      throw new TarnError(this.dead);
    }
  }

  allocate(size) {
    const at = this.call('tarn_wasm_allocate', size);
    if (at === 0) throw new TarnError(`no memory for ${size} bytes`, 8);
    return at >>> 0;
  }
  free(at) {
    if (at !== 0) this.call('free', at);
  }

  text(at) {
    if (at === 0) return '';
    at >>>= 0;
    const { bytes } = this;
    return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  // Calls f with the address of each text (0 for null), which is good within the call.
  withTexts(texts, f) {
    const places = texts.map((text) => {
      if (text === null) return 0;
      const encoded = new TextEncoder().encode(text);
      const at = this.allocate(encoded.length + 1);
      this.bytes.set(encoded, at);
      this.bytes[at + encoded.length] = 0;
      return at;
    });
    try {
      return f(...places);
    } finally {
      if (!this.dead) places.forEach((at) => this.free(at));
    }
  }

  fail() {
    throw new TarnError(this.text(this.call('tarn_last_error')), this.call('tarn_last_code'));
  }
  check(code) {
    if (code !== 0) this.fail();
  }
}

function describe(info) {
  const shape = info.shape ? `[${info.shape.map((dim) => (dim < 0 ? '?' : dim)).join(',')}]` : 'of any shape';
  return `${info.name}: ${info.dtype} ${shape}`;
}

class Model {
  #engine;
  #handle;
  #dims;   // room for a shape
  #metadata = null;
  #closed = false;

  constructor(engine, handle) {
    this.#engine = engine;
    this.#handle = handle;
    this.#dims = engine.allocate(8 * kMostDims);
    /** @type {readonly object[]} */
    this.inputs = Object.freeze(this.#infos('input'));
    this.outputs = Object.freeze(this.#infos('output'));
  }

  #infos(what) {
    const infos = [];
    const count = this.#engine.call(`tarn_${what}_count`, this.#handle);
    for (let i = 0; i < count; ++i) {
      const name = this.#engine.text(this.#engine.call(`tarn_${what}_name`, this.#handle, i));
      const dtype = this.#engine.call(`tarn_${what}_dtype`, this.#handle, i);
      const shape = this.#shape(this.#engine.call(`tarn_${what}_shape`, this.#handle, i, this.#dims, kMostDims));
      infos.push(Object.freeze({ name, dtype: kTypes[dtype]?.[0] ?? (dtype === kString ? 'string' : `type ${dtype}`), shape }));
    }
    return infos;
  }

  #shape(rank) {
    if (rank < 0) return null;
    return Array.from({ length: rank }, (_, i) => Number(this.#engine.view.getBigInt64(this.#dims + 8 * i, true)));
  }

  #open() {
    if (this.#closed) throw new TarnError('the model is closed', 9);
  }

  #indexOf(name) {
    const plain = name.endsWith(':0') ? name.slice(0, -2) : name;
    const index = this.inputs.findIndex((info) => info.name === plain);
    if (index >= 0) return index;
    throw new TarnError(`no input '${name}'; the model's inputs are ${this.inputs.map(describe).join('; ')}`, 5);
  }

  // The shape that `count` elements have where the model leaves at most one dim open.
  #shapeFor(info, count) {
    const open = info.shape?.filter((dim) => dim < 0).length ?? 2;
    const rest = info.shape?.filter((dim) => dim >= 0).reduce((product, dim) => product * dim, 1);
    if (open === 0) return info.shape;
    if (open === 1 && rest > 0 && count % rest === 0) return info.shape.map((dim) => (dim < 0 ? count / rest : dim));
    throw new TarnError(`input '${info.name}': ${count} elements do not say a shape; pass {data, shape} (${describe(info)})`, 3);
  }

  // Writes the dims for the engine to read and gives how many elements they are of.
  #place(info, shape) {
    if (!Array.isArray(shape) || shape.length > kMostDims || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
      throw new TarnError(`input '${info.name}': [${shape ?? ''}] is no shape; it takes ${describe(info)}`, 3);
    }
    shape.forEach((dim, i) => this.#engine.view.setBigInt64(this.#dims + 8 * i, BigInt(dim), true));
    return shape.reduce((product, dim) => product * dim, 1);
  }

  /**
   * The engine's own memory of an input: what is written there is what the next run sees. Good until the next call.
   */
  buffer(name, shape) {
    this.#open();
    const index = this.#indexOf(name);
    const info = this.inputs[index];
    const type = Object.values(kTypes).find(([dtype]) => dtype === info.dtype)?.[1];
    if (!type) throw new TarnError(`input '${name}': ${info.dtype} has no typed array`, 12);
    shape ??= info.shape?.map((dim) => (dim < 0 ? 1 : dim));
    const count = this.#place(info, shape);
    if (count * type.BYTES_PER_ELEMENT > 2 ** 31) {
      throw new TarnError(`input '${name}': ${count} elements of ${info.dtype} are more than a browser gives`, 8);
    }
    const at = this.#engine.call('tarn_input_buffer', this.#handle, index, this.#dims, shape.length, 0) >>> 0;
    if (at === 0 && count > 0) this.#engine.fail();
    return new type(this.#engine.exports.memory.buffer, at, count);
  }

  // Texts as UTF-8, or bytes.
  #feedStrings(index, data, shape) {
    const info = this.inputs[index];
    const strings = data.map((one) => (isBytes(one) ? bytesOf(one) : new TextEncoder().encode(one)));
    const count = this.#place(info, shape);
    if (count !== strings.length) throw new TarnError(`input '${info.name}': ${strings.length} strings given for ${count} (${describe(info)})`, 3);
    // Two tables, of addresses and lengths, and the bytes.
    const at = this.#engine.allocate(8 * count + strings.reduce((total, one) => total + one.length, 1));
    let end = at + 8 * count;
    strings.forEach((one, i) => {
      this.#engine.view.setUint32(at + 4 * i, end, true);
      this.#engine.view.setUint32(at + 4 * (count + i), one.length, true);
      this.#engine.bytes.set(one, end);
      end += one.length;
    });
    const code = this.#engine.call('tarn_set_input_strings', this.#handle, index, this.#dims, shape.length, at, at + 4 * count);
    this.#engine.free(at);
    this.#engine.check(code);
  }

  #feed(name, value) {
    const index = this.#indexOf(name);
    const info = this.inputs[index];
    const isList = (data) => ArrayBuffer.isView(data) || Array.isArray(data);
    if (info.dtype === 'string') {
      const isOne = (data) => typeof data === 'string' || isBytes(data);
      const data = isOne(value) || Array.isArray(value) ? value : value?.data;
      const list = isOne(data) ? [data] : data;
      if (!Array.isArray(list) || !list.every(isOne)) {
        throw new TarnError(`input '${name}' takes a string, bytes, an array of them or {data, shape} (${describe(info)})`, 3);
      }
      const shape = value.shape ? Array.from(value.shape) : isOne(data) && !(info.shape?.length > 0) ? [] : this.#shapeFor(info, list.length);
      this.#feedStrings(index, list, shape);
      return;
    }
    const data = isList(value) ? value : value?.data;
    if (!isList(data)) throw new TarnError(`input '${name}' takes a typed array, an array or {data, shape} (${describe(info)})`, 3);
    const buffer = this.buffer(name, value.shape ? Array.from(value.shape) : this.#shapeFor(info, data.length));
    if (buffer.length !== data.length) {
      throw new TarnError(`input '${name}': ${data.length} elements given for ${buffer.length} (${describe(info)})`, 3);
    }
    if (ArrayBuffer.isView(data) && data.constructor !== buffer.constructor &&
        !(data instanceof Uint8ClampedArray && buffer instanceof Uint8Array)) {
      throw new TarnError(`input '${name}' takes a ${buffer.constructor.name}, not a ${data.constructor.name} (${describe(info)})`, 3);
    }
    buffer.set(data);
  }

  // Bytes of each string of an output.
  #strings(index, count) {
    return Array.from({ length: count }, (_, i) => {
      const at = this.#engine.call('tarn_output_string', this.#handle, index, BigInt(i), this.#dims) >>> 0;
      if (at === 0) this.#engine.fail();
      return this.#engine.bytes.slice(at, at + this.#engine.view.getUint32(this.#dims, true));
    });
  }

  /** Runs the model. Inputs that are not named keep what they had. */
  run(inputs = {}, options = {}) {
    this.#open();
    for (const [name, value] of Object.entries(inputs)) this.#feed(name, value);
    this.#engine.check(this.#engine.call('tarn_run', this.#handle));
    const outputs = {};
    this.outputs.forEach((info, index) => {
      const dtype = this.#engine.call('tarn_output_dtype', this.#handle, index);
      const shape = this.#shape(this.#engine.call('tarn_output_shape', this.#handle, index, this.#dims, kMostDims));
      const count = shape.reduce((product, dim) => product * dim, 1);
      if (dtype === kString) {
        const data = this.#strings(index, count);
        outputs[info.name] = { data: options.bytes ? data : data.map((one) => new TextDecoder().decode(one)), shape, dtype: 'string' };
        return;
      }
      if (!kTypes[dtype]) throw new TarnError(`output '${info.name}': ${info.dtype} has no typed array`, 12);
      const [name, type] = kTypes[dtype];
      const at = count === 0 ? 0 : this.#engine.call('tarn_output_data', this.#handle, index, 0) >>> 0;
      if (count > 0 && at === 0) this.#engine.fail();
      const view = new type(this.#engine.exports.memory.buffer, at, count);
      outputs[info.name] = { data: options.copy === false ? view : view.slice(), shape, dtype: name };
    });
    return outputs;
  }

  /**
   * Runs the model on the inputs whose outputs were stored with it (optimize_for_mobile does) and compares. False where
   * nothing is stored; throws where they differ.
   */
  selfTest() {
    this.#open();
    const code = this.#engine.call('tarn_self_test', this.#handle);
    if (code === 5) return false;
    this.#engine.check(code);
    return true;
  }

  /** What is told of the model in its file: author, licence, labels, mean … An empty object if nothing is. */
  get metadata() {
    this.#open();
    if (!this.#metadata) {
      const at = this.#engine.call('tarn_wasm_metadata', this.#handle);
      if (at === 0) this.#engine.fail();
      this.#metadata = JSON.parse(this.#engine.text(at));
    }
    return this.#metadata;
  }

  /** Bytes of WebAssembly memory, the model's file included. */
  get memoryBytes() {
    this.#open();
    return this.#engine.exports.memory.buffer.byteLength;
  }

  /** Lets go of everything. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine = null;  // the instance and its memory go with it
  }
}

/**
 * Loads a frozen GraphDef.
 * @param {string|URL|ArrayBuffer|ArrayBufferView} source
 */
export async function load(source, options = {}) {
  const [module, file] = await Promise.all([
    engineModule(options),
    isBytes(source) ? bytesOf(source) : fetchBytes(new URL(source, baseUrl()), 'model'),
  ]);
  const engine = await EngineInstance.create(module);
  const at = engine.allocate(file.byteLength || 1);
  engine.bytes.set(file, at);
  const names = (list) => (list ? Array.from(list).join(',') : null);
  const handle = engine.withTexts([names(options.inputs), names(options.outputs)], (inputs, outputs) =>
    engine.call('tarn_wasm_load', at, file.byteLength, inputs, outputs));
  if (handle === 0) engine.fail();
  // The first run is to be as fast as the others. Where a size that is open can't be 1, run() will say so, or be right.
  engine.call('tarn_prepare', handle);
  return new Model(engine, handle);
}
