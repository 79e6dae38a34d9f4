package org.tarn;

import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * TensorFlow Mobile's feed, run and fetch, for apps that were written with its TensorFlowInferenceInterface: see {@link
 * TensorFlowInferenceInterface}, which has that name. New code is better served by {@link Engine}.
 *
 * <pre>{@code
 * InferenceInterface inference = new InferenceInterface(assets, "file:///android_asset/digits.pb");
 * inference.feed("input_node", pixels, 1, 784);
 * inference.run(new String[] {"output_node"});
 * inference.fetch("output_node", scores);
 * }</pre>
 *
 * <p>Any tensors of the graph may be fed and fetched. What was fed is forgotten after the run, as in TensorFlow. An
 * engine is made for each set of fed and fetched names and kept, the last {@value #MOST_ENGINES} of them.
 *
 * <p>Thread-safe: calls wait for each other. Native memory is freed by close() alone.
 */
public class InferenceInterface implements AutoCloseable {
  static final String ASSET_PREFIX = "file:///android_asset/";
  private static final int MOST_ENGINES = 4;

  private static final class Feed {
    ByteBuffer memory; // used again by the next feed of this name
    byte[][] strings;
    DType dtype;
    long[] dims;
    boolean isSet;
  }

  private Model model;
  private Graph graph;
  private int threads;
  private final Map<String, Feed> feeds = new LinkedHashMap<>();
  private final LinkedHashMap<List<String>, Engine> engines = new LinkedHashMap<>(8, 0.75f, true);
  private Engine lastRun; // its outputs can be fetched
  private List<String> fetchable = Collections.emptyList();
  private Engine profiled;
  private String statText = "";

  /** An asset, with or without "file:///android_asset/", or else a file. */
  public InferenceInterface(AssetManager assets, String model) {
    open(assets, model);
  }

  /** A model from a stream, which is read to its end and stays open. */
  public InferenceInterface(InputStream stream) {
    try {
      open(Model.load(stream));
    } catch (IOException e) {
      throw new TarnException(TarnException.Code.DATA_LOSS, "Failed to load model from the input stream", e);
    }
  }

  /** A file, where there is no AssetManager. */
  public InferenceInterface(File model) {
    open(Model.load(model));
  }

  /** Nothing yet: open() follows. */
  InferenceInterface() {}

  final void open(AssetManager assets, String name) {
    boolean isAsset = name.startsWith(ASSET_PREFIX);
    String asset = isAsset ? name.substring(ASSET_PREFIX.length()) : name;
    try {
      open(Model.load(assets, asset));
    } catch (IOException e) {
      if (isAsset || !new File(name).exists()) {
        throw new TarnException(TarnException.Code.NOT_FOUND, "Failed to load model from '" + name + "'", e);
      }
      open(Model.load(new File(name)));
    }
  }

  private synchronized void open(Model loaded) {
    if (model != null) close();
    model = loaded;
    graph = new Graph(loaded);
    // As TensorFlow does, as many threads as the device has cores.
    threads = 0;
  }

  /** Not in TensorFlow's: how many threads runs have from now on; 0 (the default): one per core. */
  public synchronized void setThreads(int count) {
    threads = count;
    for (Engine engine : engines.values()) engine.setThreads(count);
  }

  // ---- feed

  public void feed(String inputName, boolean[] src, long... dims) {
    byte[] bytes = new byte[src.length];
    for (int i = 0; i < src.length; ++i) bytes[i] = (byte) (src[i] ? 1 : 0);
    feed(inputName, ByteBuffer.wrap(bytes), DType.BOOL, dims);
  }

  public void feed(String inputName, float[] src, long... dims) {
    feed(inputName, FloatBuffer.wrap(src), dims);
  }

  public void feed(String inputName, int[] src, long... dims) {
    feed(inputName, IntBuffer.wrap(src), dims);
  }

  public void feed(String inputName, long[] src, long... dims) {
    feed(inputName, LongBuffer.wrap(src), dims);
  }

  public void feed(String inputName, double[] src, long... dims) {
    feed(inputName, DoubleBuffer.wrap(src), dims);
  }

  /** Elements of type uint8. */
  public void feed(String inputName, byte[] src, long... dims) {
    feed(inputName, ByteBuffer.wrap(src), dims);
  }

  public void feed(String inputName, FloatBuffer src, long... dims) {
    feed(inputName, src, DType.FLOAT, dims);
  }

  public void feed(String inputName, IntBuffer src, long... dims) {
    feed(inputName, src, DType.INT32, dims);
  }

  public void feed(String inputName, LongBuffer src, long... dims) {
    feed(inputName, src, DType.INT64, dims);
  }

  public void feed(String inputName, DoubleBuffer src, long... dims) {
    feed(inputName, src, DType.DOUBLE, dims);
  }

  /** Elements of type uint8. */
  public void feed(String inputName, ByteBuffer src, long... dims) {
    feed(inputName, src, DType.UINT8, dims);
  }

  /** One string: a scalar of any bytes. */
  public void feedString(String inputName, byte[] src) {
    feedStrings(inputName, new byte[][] {src}, new long[0]);
  }

  /** A vector of strings of any bytes. */
  public void feedString(String inputName, byte[][] src) {
    feedStrings(inputName, src, new long[] {src.length});
  }

  private synchronized void feedStrings(String name, byte[][] src, long[] dims) {
    Feed feed = feedOf(name);
    feed.strings = src.clone();
    feed.dtype = DType.STRING;
    feed.dims = dims;
    feed.isSet = true;
  }

  // The source may have more elements than the shape; those are left out, as TensorFlow's documentation says.
  private synchronized void feed(String name, Buffer src, DType dtype, long[] dims) {
    checkOpen();
    long count = 1;
    for (long dim : dims) {
      if (dim < 0 || (dim > 0 && count > Integer.MAX_VALUE / dim)) {
        throw invalid(name, "shape " + TensorInfo.shapeText(dims) + " is not one that a feed can have");
      }
      count *= dim;
    }
    if (count > src.remaining()) {
      throw invalid(name,
          "shape " + TensorInfo.shapeText(dims) + " has " + count + " elements, the source has " + src.remaining());
    }
    Feed feed = feedOf(name);
    long bytes = count * dtype.byteSize();
    if (feed.memory == null || feed.memory.capacity() < bytes) feed.memory = Engine.allocate(bytes);
    Engine.copyInto(feed.memory, src, (int) count);
    feed.dtype = dtype;
    feed.dims = dims.clone();
    feed.isSet = true;
  }

  private Feed feedOf(String name) {
    checkOpen();
    Feed feed = feeds.get(name);
    if (feed == null) {
      feed = new Feed();
      feeds.put(name, feed);
    }
    return feed;
  }

  // ---- run

  public void run(String[] outputNames) {
    run(outputNames, false);
  }

  /**
   * Computes these tensors ("name" or "name:1") from what was fed.
   *
   * @param enableStats times the nodes of the graph, for {@link #getStatString}
   */
  public synchronized void run(String[] outputNames, boolean enableStats) {
    checkOpen();
    lastRun = null;
    fetchable = Collections.emptyList();
    List<String> fed = new ArrayList<>();
    for (Map.Entry<String, Feed> feed : feeds.entrySet()) {
      if (feed.getValue().isSet) fed.add(feed.getKey());
    }
    try {
      Engine engine = engineFor(fed, outputNames);
      for (String name : fed) {
        Feed feed = feeds.get(name);
        if (feed.dtype == DType.STRING) {
          engine.setStrings(name, feed.strings, feed.dims);
        } else {
          engine.setFed(name, feed.dtype, feed.memory, feed.dims);
        }
      }
      if (enableStats && profiled != engine) engine.startProfile();
      if (!enableStats && profiled == engine) engine.stopProfile();
      profiled = enableStats ? engine : null;
      engine.run();
      if (enableStats) statText = engine.profile();
      lastRun = engine;
      fetchable = Arrays.asList(outputNames.clone());
    } finally {
      for (Feed feed : feeds.values()) feed.isSet = false;
    }
  }

  private Engine engineFor(List<String> fed, String[] outputNames) {
    List<String> sorted = new ArrayList<>(fed);
    Collections.sort(sorted);
    List<String> key = new ArrayList<>(sorted);
    key.add(""); // no node is called that
    key.addAll(Arrays.asList(outputNames));
    Engine engine = engines.get(key);
    if (engine != null) return engine;
    Engine.Options options = new Engine.Options().threads(threads).outputs(outputNames);
    if (!sorted.isEmpty()) options.inputs(sorted.toArray(new String[0]));
    engine = model.newEngine(options);
    if (engines.size() == MOST_ENGINES) {
      Map.Entry<List<String>, Engine> oldest = engines.entrySet().iterator().next();
      if (profiled == oldest.getValue()) profiled = null;
      oldest.getValue().close();
      engines.remove(oldest.getKey());
    }
    engines.put(key, engine);
    return engine;
  }

  // ---- fetch

  public synchronized void fetch(String outputName, float[] dst) {
    fetched(outputName).output(outputName, dst);
  }

  public synchronized void fetch(String outputName, int[] dst) {
    fetched(outputName).output(outputName, dst);
  }

  public synchronized void fetch(String outputName, long[] dst) {
    fetched(outputName).output(outputName, dst);
  }

  public synchronized void fetch(String outputName, double[] dst) {
    fetched(outputName).output(outputName, dst);
  }

  /** Elements of any type, as bytes. */
  public synchronized void fetch(String outputName, byte[] dst) {
    fetched(outputName).output(outputName, dst);
  }

  public synchronized void fetch(String outputName, FloatBuffer dst) {
    dst.put(made(outputName, DType.FLOAT, dst).asFloatBuffer());
  }

  public synchronized void fetch(String outputName, IntBuffer dst) {
    dst.put(made(outputName, DType.INT32, dst).asIntBuffer());
  }

  public synchronized void fetch(String outputName, LongBuffer dst) {
    dst.put(made(outputName, DType.INT64, dst).asLongBuffer());
  }

  public synchronized void fetch(String outputName, DoubleBuffer dst) {
    dst.put(made(outputName, DType.DOUBLE, dst).asDoubleBuffer());
  }

  /** Elements of any type, as bytes. */
  public synchronized void fetch(String outputName, ByteBuffer dst) {
    dst.put(made(outputName, null, dst));
  }

  /** Not in TensorFlow's: the strings (any bytes) of an output. */
  public synchronized byte[][] fetchStrings(String outputName) {
    return fetched(outputName).outputStrings(outputName);
  }

  private ByteBuffer made(String name, DType dtype, Buffer dst) {
    Engine engine = fetched(name);
    ByteBuffer made = dtype == null ? engine.output(name) : engine.typed(name, dtype);
    int count = dtype == null ? made.remaining() : made.remaining() / dtype.byteSize();
    engine.fits(name, count, dst.remaining());
    return made;
  }

  private Engine fetched(String name) {
    checkOpen();
    if (lastRun == null || !fetchable.contains(name)) {
      throw new TarnException(TarnException.Code.FAILED_PRECONDITION,
          "Node '" + name + "' was not provided to run(), so it cannot be read"
              + (fetchable.isEmpty() ? "" : " (the last run made " + fetchable + ")"));
    }
    return lastRun;
  }

  // ---- the graph

  public synchronized Graph graph() {
    checkOpen();
    return graph;
  }

  /** A node by name; an exception if there is none. */
  public Operation graphOperation(String operationName) {
    Operation operation = graph().operation(operationName);
    if (operation == null) {
      throw new TarnException(TarnException.Code.NOT_FOUND,
          "Node '" + operationName + "' does not exist in model '" + model.name() + "': " + Native.lastErrorText());
    }
    return operation;
  }

  /** What run(…, true) measured, since the last run without: TensorFlow's tables. "" if nothing was. */
  public synchronized String getStatString() {
    return statText;
  }

  /** Closing twice is fine; anything else on a closed one is an exception. */
  @Override
  public synchronized void close() {
    for (Engine engine : engines.values()) engine.close();
    engines.clear();
    feeds.clear();
    lastRun = null;
    profiled = null;
    fetchable = Collections.emptyList();
    if (model != null) model.close();
    model = null;
  }

  private void checkOpen() {
    if (model != null) return;
    throw new TarnException(TarnException.Code.FAILED_PRECONDITION, "this inference interface is closed");
  }

  private TarnException invalid(String input, String what) {
    return new TarnException(TarnException.Code.INVALID_ARGUMENT, "feed '" + input + "': " + what);
  }
}
