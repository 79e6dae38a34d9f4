/** Element types by NumPy's names; float16 comes as its bits, bool as bytes of 0 and 1. */
export type DType =
  | 'float32' | 'float64' | 'float16'
  | 'int8' | 'int16' | 'int32' | 'int64'
  | 'uint8' | 'uint16' | 'uint32' | 'uint64'
  | 'bool' | 'string' | (string & {});

export type TypedArray =
  | Float32Array | Float64Array
  | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array | BigUint64Array;

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /** -1 where any size will do; null where the file leaves even the number of dims open. */
  readonly shape: readonly number[] | null;
}

/** Of dtype 'string' data is texts, or bytes with {bytes: true}: not every string of a graph is a text. */
export interface Tensor<T extends TypedArray | string[] | Uint8Array[] = TypedArray | string[] | Uint8Array[]> {
  data: T;
  shape: number[];
  dtype: DType;
}

type StringFeed = string | Uint8Array;

export interface TensorLike {
  data: TypedArray | readonly number[] | StringFeed | readonly StringFeed[];
  shape: readonly number[];
}

/** A bare array takes the declared shape, in which one dim may be open; a bare string is a scalar where that is open. */
export type Feed = TypedArray | readonly number[] | StringFeed | readonly StringFeed[] | TensorLike;

export interface LoadOptions {
  /** Tensor names; by default every Placeholder, and every node nobody uses. */
  inputs?: Iterable<string>;
  outputs?: Iterable<string>;
  /**
   * Where the engine is, if not beside tarn.js: an address, bytes or a module; or both builds, of which the right one
   * is taken.
   */
  wasm?: WasmSource | { simd: WasmSource; scalar: WasmSource };
  /** Forces one of the two builds; by default what the browser can. */
  simd?: boolean;
}

export type WasmSource = string | URL | ArrayBuffer | ArrayBufferView | WebAssembly.Module;

export interface RunOptions {
  /** false: outputs are views of the engine's memory, good until the next call on this model. Default: copies. */
  copy?: boolean;
  /** true: strings come as bytes. Default: as texts, decoded from UTF-8. */
  bytes?: boolean;
}

export interface Metadata {
  name?: string;
  description?: string;
  author?: string;
  license?: string;
  version?: string;
  inputs?: {
    name?: string;
    kind?: string;
    layout?: string;
    color_order?: string;
    range?: number[];
    mean?: number[];
    std?: number[];
    sample_rate?: number;
  }[];
  outputs?: { name?: string; kind?: string; labels?: string[] }[];
}

export interface Model {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** What the file tells of the model; an empty object if nothing. */
  readonly metadata: Metadata;
  /** Bytes of WebAssembly memory, the model's file included. */
  readonly memoryBytes: number;
  /** Inputs that are not named keep what they had. Outputs by name. */
  run(inputs?: Record<string, Feed>, options?: RunOptions): Record<string, Tensor>;
  /** The engine's own memory of an input: written there, it need not be copied. Good until the next call. */
  buffer(name: string, shape?: readonly number[]): TypedArray;
  /** False where no expected output is stored with the model; throws where the outputs differ from it. */
  selfTest(): boolean;
  /** Gives all memory back. */
  close(): void;
}

/** What every function here throws; the message lists the names there are. */
export class TarnError extends Error {
  /** TensorFlow's number: 3 InvalidArgument, 5 NotFound, 8 ResourceExhausted, 12 Unimplemented …; 0 if not known. */
  readonly code: number;
}

/** Loads a frozen GraphDef from an address or from bytes. */
export function load(source: string | URL | ArrayBuffer | ArrayBufferView, options?: LoadOptions): Promise<Model>;

/** True if this browser runs the faster of the two builds. */
export function hasSimd(): boolean;
