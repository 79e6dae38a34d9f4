package org.tarn;

import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs a frozen graph.
 *
 * <pre>{@code
 * try (Engine engine = Engine.load(new File("digits.pb"))) {
 *   FloatBuffer pixels = engine.input("input_node", 1, 784).asFloatBuffer();
 *   pixels.put(image);                                            // straight into the engine's input
 *   engine.run();
 *   FloatBuffer scores = engine.output("output_node").asFloatBuffer();
 * }
 * }</pre>
 *
 * <p>All memory that both sides see is Java's own (direct buffers): a buffer from {@link #input} or {@link #output}
 * stays valid after {@link #close}, only nobody writes to it any more. A closed engine throws TarnException
 * (FAILED_PRECONDITION).
 *
 * <p>Thread-safe: an engine does one thing at a time, calls of other threads wait; but {@link #cancel} and {@link
 * #close} stop a run that is under way in another thread. Engines of one {@link Model}, and {@link #copy}, run at the
 * same time.
 *
 * <p>Native memory is freed by close() alone: there is no finalizer and no Cleaner.
 */
public final class Engine implements AutoCloseable {
  /** What an engine is to do; each setter returns this. The default of a limit is the library's. */
  public static final class Options {
    private int threads = 1;
    private String inputs;
    private String outputs;
    private final long[] limits = new long[5];

    /** Of each run, the calling one with them; 0: one per fast core. Default 1, which starts none. */
    public Options threads(int count) {
      threads = count;
      return this;
    }

    /** Tensors that are fed ("x", "split:1"), any of the graph; default: every Placeholder. */
    public Options inputs(String... names) {
      inputs = joined(names);
      return this;
    }

    /** Tensors that are computed; default: every node nobody uses. */
    public Options outputs(String... names) {
      outputs = joined(names);
      return this;
    }

    /** Runs that take longer end with DEADLINE_EXCEEDED; 0: none. */
    public Options deadlineMillis(long milliseconds) {
      limits[4] = milliseconds;
      return this;
    }

    public Options mostNodes(long count) {
      limits[0] = count;
      return this;
    }

    /** Of all values that a run has at a time, inputs and weights aside. */
    public Options mostBytes(long bytes) {
      limits[1] = bytes;
      return this;
    }

    /** Of one value that an op makes. */
    public Options mostValueBytes(long bytes) {
      limits[2] = bytes;
      return this;
    }

    /** Of all loops of a run together. */
    public Options mostIterations(long count) {
      limits[3] = count;
      return this;
    }

    private static String joined(String[] names) {
      StringBuilder text = new StringBuilder();
      for (String name : names) {
        if (text.length() > 0) text.append(',');
        text.append(name);
      }
      return text.toString();
    }
  }

  private static final class Input {
    TensorInfo info;
    ByteBuffer own; // made by input(): native order, aligned
    Buffer inUse; // kept reachable for as long as the engine looks at it
    long[] dims;
  }

  private static final class Output {
    TensorInfo info;
    ByteBuffer own; // what output() gives
    Buffer bound; // the engine writes here
    long boundBytes;
  }

  private static final int ALIGNMENT =
      64; // bytes; outputs are computed in place only where they begin at its multiples

  private final String name;
  private final ByteBuffer memory; // the model's, if it lies in a buffer
  private final AtomicLong handle;
  private final Input[] inputs;
  private final Output[] outputs;
  private boolean hasRun;

  /** Maps a model file. */
  public static Engine load(File file) {
    return load(file, new Options());
  }

  public static Engine load(File file, Options options) {
    try (Model model = Model.load(file)) {
      return model.newEngine(options);
    }
  }

  /** The bytes between position and limit: in place if the buffer is direct (they must not change), else copied. */
  public static Engine load(ByteBuffer bytes) {
    return load(bytes, new Options());
  }

  public static Engine load(ByteBuffer bytes, Options options) {
    try (Model model = Model.load(bytes)) {
      return model.newEngine(options);
    }
  }

  /** An asset of an Android app, mapped where it lies in the APK if it is packed uncompressed. */
  public static Engine load(AssetManager assets, String name, Options options) throws IOException {
    try (Model model = Model.load(assets, name)) {
      return model.newEngine(options);
    }
  }

  Engine(Model model, Options options) {
    this(model.name(), model.memory(),
        Native.engineNew(model.handle(),
            options.threads == 0 ? -1 : options.threads, // -1 is C's word for one per fast core
            Native.utf8(options.inputs), Native.utf8(options.outputs), options.limits));
  }

  private Engine(String name, ByteBuffer memory, long handle) {
    if (handle == 0) throw Native.error();
    this.name = name;
    this.memory = memory;
    this.handle = new AtomicLong(handle);
    inputs = new Input[Native.inputCount(handle)];
    for (int i = 0; i < inputs.length; ++i) {
      inputs[i] = new Input();
      inputs[i].info = new TensorInfo(Native.text(Native.inputName(handle, i)), DType.of(Native.inputDtype(handle, i)),
          Native.inputShape(handle, i));
    }
    outputs = new Output[Native.outputCount(handle)];
    for (int i = 0; i < outputs.length; ++i) {
      outputs[i] = new Output();
      outputs[i].info = new TensorInfo(Native.text(Native.outputName(handle, i)),
          DType.of(Native.outputDtype(handle, i)), Native.outputShape(handle, i));
    }
  }

  /** "0.1.0": the native library's version. */
  public static String version() {
    return Native.text(Native.version());
  }

  /** One more engine on the same model, options and weights, with inputs, outputs and memory of its own. */
  public Engine copy() {
    return new Engine(name, memory, Native.engineClone(handle()));
  }

  public List<TensorInfo> inputs() {
    List<TensorInfo> infos = new ArrayList<>(inputs.length);
    for (Input input : inputs) infos.add(input.info);
    return Collections.unmodifiableList(infos);
  }

  /** As the model declares them; {@link #outputShape} tells what a run made. */
  public List<TensorInfo> outputs() {
    List<TensorInfo> infos = new ArrayList<>(outputs.length);
    for (Output output : outputs) infos.add(output.info);
    return Collections.unmodifiableList(infos);
  }

  /**
   * The memory of an input, in native byte order: what is written there before a run is the input, without a copy. It
   * is the same buffer each time until another shape needs more room.
   *
   * @param dims the shape; none: the declared one, with 1 where that leaves a dimension open
   */
  public synchronized ByteBuffer input(String name, long... dims) {
    int index = findInput(name);
    Input input = inputs[index];
    if (input.info.dtype().byteSize() == 0) {
      throw invalid(name, "has no memory of fixed size: " + input.info.dtype() + " is set with setStrings()");
    }
    long[] shape = dims.length > 0 ? dims : declaredShape(input.info);
    long bytes = byteCount(input.info, shape);
    if (input.own == null || input.own.capacity() < bytes) input.own = allocate(bytes);
    ByteBuffer own = part(input.own, bytes);
    setMemory(index, own, 0, bytes, shape);
    return own;
  }

  /**
   * Uses the elements between position and limit as the input. A direct buffer in native byte order is looked at in
   * place until the input is set again; others are copied.
   *
   * @param dims the shape; none: the declared one, in which one open dimension follows from the number of elements
   */
  public synchronized void setInput(String name, Buffer values, long... dims) {
    int index = findInput(name);
    TensorInfo info = inputs[index].info;
    int size = elementSize(values, info, name);
    long[] shape = dims.length > 0 ? dims : shapeFor(info, values.remaining() * (long) size);
    long bytes = byteCount(info, shape);
    if (bytes != values.remaining() * (long) size) {
      throw invalid(name,
          "shape " + TensorInfo.shapeText(shape) + " is " + bytes + " bytes, the buffer has "
              + values.remaining() * (long) size);
    }
    if (values.isDirect() && isNativeOrder(values)) {
      setMemory(index, values, values.position() * (long) size, bytes, shape);
      return;
    }
    copyInto(input(name, shape), values, values.remaining());
  }

  /** Copies the array. */
  public void setInput(String name, float[] values, long... dims) {
    setInput(name, FloatBuffer.wrap(values), dims);
  }

  /** Copies the array. */
  public void setInput(String name, int[] values, long... dims) {
    setInput(name, IntBuffer.wrap(values), dims);
  }

  /** Copies the array. */
  public void setInput(String name, long[] values, long... dims) {
    setInput(name, LongBuffer.wrap(values), dims);
  }

  /** Copies the array. */
  public void setInput(String name, double[] values, long... dims) {
    setInput(name, DoubleBuffer.wrap(values), dims);
  }

  /** Copies the array: int8, uint8, bool and quantized elements as they are. */
  public void setInput(String name, byte[] values, long... dims) {
    setInput(name, ByteBuffer.wrap(values), dims);
  }

  /** Sets an input of strings (any bytes), copied. */
  public synchronized void setStrings(String name, byte[][] values, long... dims) {
    int index = findInput(name);
    long[] declared = inputs[index].info.shape();
    boolean isVector = declared == null ? values.length != 1 : declared.length == 1;
    long[] shape = dims.length > 0 || !isVector ? dims : new long[] {values.length};
    long count = 1;
    for (long dim : shape) count *= dim;
    if (count != values.length) {
      throw invalid(name, "shape " + TensorInfo.shapeText(shape) + " does not hold " + values.length + " strings");
    }
    for (int i = 0; i < values.length; ++i) {
      if (values[i] == null) throw new NullPointerException("string " + i + " of '" + name + "' is null");
    }
    long engine = handle();
    Native.check(Native.setInputStrings(engine, index, shape, values));
    inputs[index].inUse = null;
    noteShape(engine, index, shape);
  }

  /** Plans for the declared shapes and takes the memory now, so that the first run is like the others. */
  public synchronized void prepare() {
    Native.check(Native.prepare(handle()));
  }

  /** Every input must be set. CANCELLED and DEADLINE_EXCEEDED leave the engine as it was, without outputs. */
  public synchronized void run() {
    long engine = handle();
    hasRun = false;
    Native.check(Native.run(engine));
    hasRun = true;
  }

  /**
   * Stops the run that is under way, within milliseconds; it ends with CANCELLED. From any thread. Without a run, or
   * closed, it does nothing.
   */
  public void cancel() {
    long engine = handle.get();
    if (engine != 0) Native.cancel(engine);
  }

  /** Of every run from now on; 0: none. */
  public synchronized void setDeadlineMillis(long milliseconds) {
    Native.check(Native.setDeadline(handle(), milliseconds));
  }

  /** As in {@link Options#threads}; the next run plans anew. */
  public synchronized void setThreads(int count) {
    Native.check(Native.setThreads(handle(), count == 0 ? -1 : count));
  }

  public synchronized int threads() {
    return Native.threads(handle());
  }

  /**
   * What the last run made, in native byte order. It is the same buffer for as long as the size stays, and holds the
   * new values after the next run and call. Outputs whose whole shape the model declares are written there by the
   * engine itself; others are copied. {@link #bindOutput} spares that.
   */
  public synchronized ByteBuffer output(String name) {
    int index = findOutput(name);
    Output output = outputs[index];
    long engine = handle();
    checkHasRun(name);
    long bytes = Native.outputBytes(engine, index);
    if (bytes < 0) throw Native.error();
    if (output.own == null || output.own.capacity() < bytes) output.own = allocate(bytes);
    boolean inPlace = output.bound == output.own && output.boundBytes == bytes;
    if (!inPlace) Native.check(Native.copyOutput(engine, index, output.own, 0, bytes));
    boolean isFixed = output.info.elementCount() >= 0 && bytes > 0;
    if (output.bound == null && isFixed) bind(engine, index, output.own, 0, bytes);
    return part(output.own, bytes);
  }

  /** Copies the last run's values; {@code values} holds at least as many. Returns how many there were. */
  public synchronized int output(String name, float[] values) {
    FloatBuffer made = typed(name, DType.FLOAT).asFloatBuffer();
    int count = fits(name, made.remaining(), values.length);
    made.get(values, 0, count);
    return count;
  }

  public synchronized int output(String name, int[] values) {
    IntBuffer made = typed(name, DType.INT32).asIntBuffer();
    int count = fits(name, made.remaining(), values.length);
    made.get(values, 0, count);
    return count;
  }

  public synchronized int output(String name, long[] values) {
    LongBuffer made = typed(name, DType.INT64).asLongBuffer();
    int count = fits(name, made.remaining(), values.length);
    made.get(values, 0, count);
    return count;
  }

  public synchronized int output(String name, double[] values) {
    DoubleBuffer made = typed(name, DType.DOUBLE).asDoubleBuffer();
    int count = fits(name, made.remaining(), values.length);
    made.get(values, 0, count);
    return count;
  }

  /** Any type of elements, as bytes. */
  public synchronized int output(String name, byte[] values) {
    ByteBuffer made = output(name);
    int count = fits(name, made.remaining(), values.length);
    made.get(values, 0, count);
    return count;
  }

  /** The strings (any bytes) of the last run, row-major. */
  public synchronized byte[][] outputStrings(String name) {
    int index = findOutput(name);
    long engine = handle();
    checkHasRun(name);
    long count = 1;
    for (long dim : outputShape(name)) count *= dim;
    byte[][] strings = new byte[(int) count][];
    for (int i = 0; i < count; ++i) {
      strings[i] = Native.outputString(engine, index, i);
      if (strings[i] == null) throw Native.error();
    }
    return strings;
  }

  /** The shape of what the last run made. */
  public synchronized long[] outputShape(String name) {
    int index = findOutput(name);
    long engine = handle();
    checkHasRun(name);
    return Native.outputShape(engine, index);
  }

  /**
   * From now on runs leave this output between the position and limit of a direct buffer, of exactly the size it will
   * have: written there by the op that makes it, without a copy, if it begins at a multiple of 64 bytes, as buffers
   * from
   * {@link #allocate} do. A run whose output has another size is an error. Null: no more.
   */
  public synchronized void bindOutput(String name, Buffer values) {
    int index = findOutput(name);
    long engine = handle();
    if (values == null) {
      unbind(engine, index);
      return;
    }
    int size = elementSize(values, outputs[index].info, name);
    if (!values.isDirect() || !isNativeOrder(values) || values.isReadOnly()) {
      throw invalid(name, "is bound to direct, writable buffers in native byte order only");
    }
    bind(engine, index, values, values.position() * (long) size, values.remaining() * (long) size);
  }

  /** A direct buffer in native byte order that begins at a multiple of 64 bytes. */
  public static ByteBuffer allocate(long bytes) {
    if (bytes > Integer.MAX_VALUE - ALIGNMENT) {
      throw new TarnException(TarnException.Code.RESOURCE_EXHAUSTED, bytes + " bytes are more than a buffer holds");
    }
    ByteBuffer room = ByteBuffer.allocateDirect((int) bytes + ALIGNMENT);
    int skip = (int) ((ALIGNMENT - Native.address(room) % ALIGNMENT) % ALIGNMENT);
    room.position(skip);
    room.limit(skip + (int) bytes);
    return room.slice().order(ByteOrder.nativeOrder());
  }

  /**
   * Runs the model on the inputs whose outputs optimize_for_mobile stored with it, and compares. INTERNAL says where
   * they differ: this device computes something else than the one that the model was made on.
   *
   * @return false if nothing is stored
   */
  public synchronized boolean selfTest() {
    int code = Native.selfTest(handle());
    if (TarnException.Code.of(code) == TarnException.Code.NOT_FOUND) return false;
    Native.check(code);
    return true;
  }

  /** From now on runs are timed step by step; what was counted before is forgotten. */
  public synchronized void startProfile() {
    Native.check(Native.profileStart(handle()));
  }

  public synchronized void stopProfile() {
    Native.check(Native.profileStop(handle()));
  }

  /** What was counted, in the lines of TensorFlow's StatSummarizer. */
  public synchronized String profile() {
    byte[] text = Native.profileText(handle());
    if (text == null) throw Native.error();
    return Native.text(text);
  }

  /** What the engine holds beside the model: values, scratch. */
  public synchronized long memoryBytes() {
    return Native.memoryBytes(handle());
  }

  /** Cancels a run that is under way and waits for its end. Closing twice is fine. */
  @Override
  public void close() {
    long engine = handle.getAndSet(0);
    if (engine != 0) Native.engineFree(engine);
  }

  /** The model with its inputs and outputs. */
  @Override
  public String toString() {
    return "'" + name + "' " + describe("input", inputs()) + ", " + describe("output", outputs());
  }

  private static String describe(String what, List<TensorInfo> infos) {
    StringBuilder text = new StringBuilder(infos.size() == 1 ? what + ": " : what + "s: ");
    for (int i = 0; i < infos.size(); ++i) text.append(i > 0 ? ", " : "").append(infos.get(i));
    return text.toString();
  }

  private long handle() {
    long engine = handle.get();
    if (engine == 0) {
      throw new TarnException(TarnException.Code.FAILED_PRECONDITION, "the engine of '" + name + "' is closed");
    }
    return engine;
  }

  // The library's error lists the names there are, the nearest first.
  private int findInput(String name) {
    int index = Native.findInput(handle(), Native.utf8(name));
    if (index < 0) throw Native.error();
    return index;
  }

  private int findOutput(String name) {
    int index = Native.findOutput(handle(), Native.utf8(name));
    if (index < 0) throw Native.error();
    return index;
  }

  private void checkHasRun(String name) {
    if (hasRun) return;
    throw new TarnException(
        TarnException.Code.FAILED_PRECONDITION, "output '" + name + "' is there after a run() that ended well");
  }

  private TarnException invalid(String tensor, String what) {
    return new TarnException(TarnException.Code.INVALID_ARGUMENT, "'" + tensor + "' of " + this + ": " + what);
  }

  // For InferenceInterface: memory from its beginning on, with the type that the caller says it has.
  synchronized void setFed(String name, DType dtype, ByteBuffer memory, long[] dims) {
    int index = findInput(name);
    TensorInfo info = inputs[index].info;
    if (dtype != info.dtype()) throw invalid(name, "is " + info.dtype() + ", fed as " + dtype);
    setMemory(index, memory, 0, byteCount(info, dims), dims);
  }

  private void setMemory(int index, Buffer values, long offset, long bytes, long[] shape) {
    Input input = inputs[index];
    long engine = handle();
    Native.check(Native.setInput(engine, index, input.info.dtype().code, shape, values, offset, bytes));
    input.inUse = values;
    noteShape(engine, index, shape);
  }

  // Outputs of other inputs may have other sizes: those that output() bound are bound anew after the run.
  private void noteShape(long engine, int index, long[] shape) {
    Input input = inputs[index];
    if (Arrays.equals(input.dims, shape)) return;
    input.dims = shape.clone();
    for (int i = 0; i < outputs.length; ++i) {
      if (outputs[i].bound != null && outputs[i].bound == outputs[i].own) unbind(engine, i);
    }
  }

  private void bind(long engine, int index, Buffer values, long offset, long bytes) {
    Native.check(Native.setOutputBuffer(engine, index, values, offset, bytes));
    outputs[index].bound = values;
    outputs[index].boundBytes = bytes;
  }

  private void unbind(long engine, int index) {
    Native.check(Native.setOutputBuffer(engine, index, null, 0, 0));
    outputs[index].bound = null;
  }

  ByteBuffer typed(String name, DType wanted) {
    DType made = outputs[findOutput(name)].info.dtype();
    if (made != wanted) throw invalid(name, "is " + made + ", asked for as " + wanted);
    return output(name);
  }

  int fits(String name, int count, int room) {
    if (count > room) throw invalid(name, "has " + count + " elements, the array " + room);
    return count;
  }

  private long[] declaredShape(TensorInfo info) {
    long[] shape = info.shape();
    if (shape == null) throw invalid(info.name(), "its rank is open in the model: say the shape");
    for (int d = 0; d < shape.length; ++d) {
      if (shape[d] < 0) shape[d] = 1;
    }
    return shape;
  }

  private long[] shapeFor(TensorInfo info, long bytes) {
    long[] shape = info.shape();
    if (shape == null && bytes == info.dtype().byteSize()) return new long[0];
    if (shape == null) throw invalid(info.name(), "its rank is open in the model: say the shape");
    int open = -1;
    long known = Math.max(info.dtype().byteSize(), 1);
    for (int d = 0; d < shape.length; ++d) {
      if (shape[d] >= 0) {
        known *= shape[d];
      } else if (open < 0) {
        open = d;
      } else {
        throw invalid(info.name(), "several dimensions are open in the model: say the shape");
      }
    }
    if (open >= 0) shape[open] = known == 0 ? 0 : bytes / known;
    return shape;
  }

  private long byteCount(TensorInfo info, long[] shape) {
    long bytes = info.dtype().byteSize();
    for (long dim : shape) {
      if (dim < 0 || (dim > 0 && bytes > Long.MAX_VALUE / dim)) {
        throw invalid(info.name(), "shape " + TensorInfo.shapeText(shape) + " is not one that memory can have");
      }
      bytes *= dim;
    }
    return bytes;
  }

  // Bytes of the buffer's elements. A ByteBuffer holds any type.
  private int elementSize(Buffer values, TensorInfo info, String name) {
    if (values instanceof ByteBuffer) return 1;
    DType type = info.dtype();
    boolean fits = values instanceof FloatBuffer ? type == DType.FLOAT
        : values instanceof IntBuffer            ? type == DType.INT32 || type == DType.QINT32 || type == DType.UINT32
        : values instanceof LongBuffer           ? type == DType.INT64 || type == DType.UINT64
        : values instanceof DoubleBuffer         ? type == DType.DOUBLE
                                                 : values instanceof ShortBuffer && type.byteSize() == 2;
    if (!fits) throw invalid(name, "is " + type + ", got a " + kind(values));
    return type.byteSize();
  }

  private static String kind(Buffer values) {
    for (Class<?> type :
        new Class<?>[] {FloatBuffer.class, IntBuffer.class, LongBuffer.class, DoubleBuffer.class, ShortBuffer.class}) {
      if (type.isInstance(values)) return type.getSimpleName();
    }
    return values.getClass().getSimpleName();
  }

  private static boolean isNativeOrder(Buffer values) {
    ByteOrder order = values instanceof FloatBuffer ? ((FloatBuffer) values).order()
        : values instanceof IntBuffer               ? ((IntBuffer) values).order()
        : values instanceof LongBuffer              ? ((LongBuffer) values).order()
        : values instanceof DoubleBuffer            ? ((DoubleBuffer) values).order()
        : values instanceof ShortBuffer             ? ((ShortBuffer) values).order()
                                                    : ByteOrder.nativeOrder();
    return order == ByteOrder.nativeOrder();
  }

  // The first `count` elements from the source's position on, into the beginning of `to`.
  static void copyInto(ByteBuffer to, Buffer from, int count) {
    ByteBuffer target = part(to, to.capacity());
    if (from instanceof FloatBuffer) {
      FloatBuffer source = ((FloatBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.asFloatBuffer().put(source);
    } else if (from instanceof IntBuffer) {
      IntBuffer source = ((IntBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.asIntBuffer().put(source);
    } else if (from instanceof LongBuffer) {
      LongBuffer source = ((LongBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.asLongBuffer().put(source);
    } else if (from instanceof DoubleBuffer) {
      DoubleBuffer source = ((DoubleBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.asDoubleBuffer().put(source);
    } else if (from instanceof ShortBuffer) {
      ShortBuffer source = ((ShortBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.asShortBuffer().put(source);
    } else {
      ByteBuffer source = ((ByteBuffer) from).duplicate();
      source.limit(source.position() + count);
      target.put(source);
    }
  }

  private static ByteBuffer part(ByteBuffer whole, long bytes) {
    ByteBuffer part = whole.duplicate().order(ByteOrder.nativeOrder());
    part.position(0);
    part.limit((int) bytes);
    return part;
  }
}
