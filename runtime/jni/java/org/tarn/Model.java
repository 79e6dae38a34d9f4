package org.tarn;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A model file's bytes, read once and shared by all engines made of it.
 *
 * <pre>{@code
 * try (Model model = Model.load(context.getAssets(), "digits.pb");
 *     Engine first = model.newEngine();
 *     Engine second = model.newEngine(new Engine.Options().threads(2))) { … }
 * }</pre>
 *
 * <p>Thread-safe. Engines keep what they need of it: close it as soon as no more of them are made. Native memory is
 * freed by close() alone, there is no finalizer.
 */
public final class Model implements AutoCloseable {
  private final String name;
  private final ByteBuffer bytes; // keeps the memory that the model looks at; null if it is the library's own mapping
  private final AtomicLong handle;

  private Model(String name, ByteBuffer bytes, long handle) {
    if (handle == 0) throw Native.error();
    this.name = name;
    this.bytes = bytes;
    this.handle = new AtomicLong(handle);
  }

  /** Maps a file, which must not be cut short meanwhile. */
  public static Model load(File file) {
    return new Model(file.getPath(), null, Native.modelLoad(Native.utf8(file.getPath())));
  }

  /** Maps {@code length} bytes from {@code offset} of an open file, which may be closed afterwards. */
  public static Model load(String name, int fd, long offset, long length) {
    return new Model(name, null, Native.modelLoadFd(fd, offset, length));
  }

  /**
   * The bytes between position and limit. Those of a direct buffer are used in place and must not change; others are
   * copied.
   */
  public static Model load(ByteBuffer bytes) {
    return load("model in memory", bytes);
  }

  /** The stream to its end. It stays open. */
  public static Model load(InputStream stream) throws IOException {
    return load("model from a stream", Streams.readDirect(stream));
  }

  /**
   * An asset of an Android app: mapped where it lies in the APK if it is packed uncompressed (build.gradle: {@code
   * androidResources { noCompress 'pb' }}), else read.
   */
  public static Model load(AssetManager assets, String name) throws IOException {
    AssetFileDescriptor descriptor;
    try {
      descriptor = assets.openFd(name);
    } catch (IOException compressed) { // or not there: open() says so
      try (InputStream stream = assets.open(name)) {
        return load(name, Streams.readDirect(stream));
      }
    }
    try {
      return load(
          name, descriptor.getParcelFileDescriptor().getFd(), descriptor.getStartOffset(), descriptor.getLength());
    } finally {
      descriptor.close();
    }
  }

  private static Model load(String name, ByteBuffer bytes) {
    ByteBuffer direct = bytes;
    if (!bytes.isDirect()) {
      direct = ByteBuffer.allocateDirect(bytes.remaining());
      direct.put(bytes.duplicate());
      direct.flip();
    }
    return new Model(name, direct, Native.modelLoadMemory(direct, direct.position(), direct.remaining()));
  }

  /** The file's or asset's name, for messages. */
  public String name() {
    return name;
  }

  /** An engine for every Placeholder and every node nobody uses, on the calling thread. */
  public Engine newEngine() {
    return newEngine(new Engine.Options());
  }

  public Engine newEngine(Engine.Options options) {
    return new Engine(this, options);
  }

  /**
   * One thing that is told of the model in its file: "labels" (a line each), "mean", "std", "author" … or "json", all
   * of it; null if that is not told. docs/tools.md lists the keys (model_info).
   */
  public String metadata(String key) {
    return Native.text(Native.modelMetadata(handle(), Native.utf8(key)));
  }

  /** All that is told of the model, by key. Empty if nothing is. */
  public Map<String, String> metadata() {
    long model = handle();
    Map<String, String> result = new LinkedHashMap<>();
    int count = Native.modelMetadataCount(model);
    for (int i = 0; i < count; ++i) {
      byte[] key = Native.modelMetadataKey(model, i);
      result.put(Native.text(key), Native.text(Native.modelMetadata(model, key)));
    }
    return Collections.unmodifiableMap(result);
  }

  /** The file's size. */
  public long byteSize() {
    return Native.modelBytes(handle());
  }

  /** Names of all nodes in the file's order. */
  public List<String> nodes() {
    long model = handle();
    int count = Native.modelNodeCount(model);
    List<String> names = new ArrayList<>(Math.max(count, 0));
    for (int i = 0; i < count; ++i) names.add(Native.text(Native.modelNodeName(model, i)));
    return names;
  }

  /** The op of a node ("Conv2D"); null if the model has no node of that name. */
  public String opOf(String node) {
    long model = handle();
    int index = Native.modelFindNode(model, Native.utf8(node));
    return index < 0 ? null : Native.text(Native.modelNodeOp(model, index));
  }

  @Override
  public void close() {
    long model = handle.getAndSet(0);
    if (model != 0) Native.modelFree(model);
  }

  long handle() {
    long model = handle.get();
    if (model == 0) {
      throw new TarnException(TarnException.Code.FAILED_PRECONDITION, "the model '" + name + "' is closed");
    }
    return model;
  }

  /** What an engine must keep reachable while it lives. */
  ByteBuffer memory() {
    return bytes;
  }
}
