package org.tarn;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;

/**
 * runtime/c_api.h, function by function: what a function gives or says there, it gives or says here. Text crosses as
 * UTF-8 bytes, for JNI's own form of it cannot hold everything that a file may call a node.
 */
final class Native {
  private static final Charset UTF_8 = Charset.forName("UTF-8");

  static {
    String file = System.getProperty("org.tarn.library");
    try {
      if (file != null) {
        System.load(file);
      } else {
        System.loadLibrary("tarn_jni");
      }
    } catch (UnsatisfiedLinkError e) {
      UnsatisfiedLinkError error = new UnsatisfiedLinkError(
          "Tarn's native library was not found: an Android app packs lib/<abi>/libtarn_jni.so; elsewhere"
          + " -Djava.library.path names its folder or -Dorg.tarn.library the file (" + e.getMessage() + ")");
      error.initCause(e);
      throw error;
    }
  }

  private Native() {}

  static native long modelLoad(byte[] path);

  static native long modelLoadFd(int fd, long offset, long length);

  static native long modelLoadMemory(ByteBuffer direct, long offset, long size);

  static native void modelFree(long model);

  static native int modelProducer(long model);

  static native long modelBytes(long model);

  static native int modelNodeCount(long model);

  static native int modelFindNode(long model, byte[] name);

  static native byte[] modelNodeName(long model, int node);

  static native byte[] modelNodeOp(long model, int node);

  static native int modelMetadataCount(long model);

  static native byte[] modelMetadataKey(long model, int index);

  static native byte[] modelMetadata(long model, byte[] key);

  /** {@code limits}: nodes, bytes, bytes of a value, iterations, deadline in ms. */
  static native long engineNew(long model, int threads, byte[] inputs, byte[] outputs, long[] limits);

  static native long engineClone(long engine);

  static native void engineFree(long engine);

  static native int inputCount(long engine);

  static native int outputCount(long engine);

  static native byte[] inputName(long engine, int index);

  static native byte[] outputName(long engine, int index);

  static native int findInput(long engine, byte[] name);

  static native int findOutput(long engine, byte[] name);

  static native int inputDtype(long engine, int index);

  static native int outputDtype(long engine, int index);

  /** Null: the rank is open. */
  static native long[] inputShape(long engine, int index);

  static native long[] outputShape(long engine, int index);

  /** {@code offset} and {@code bytes} are of the buffer's memory, whatever its position and limit say. */
  static native int setInput(long engine, int index, int dtype, long[] dims, Buffer direct, long offset, long bytes);

  static native int setInputStrings(long engine, int index, long[] dims, byte[][] strings);

  static native int setOutputBuffer(long engine, int index, Buffer direct, long offset, long bytes);

  static native int prepare(long engine);

  static native int run(long engine);

  static native int cancel(long engine);

  static native int setDeadline(long engine, long milliseconds);

  static native int setThreads(long engine, int threads);

  static native int threads(long engine);

  static native int selfTest(long engine);

  static native long memoryBytes(long engine);

  /** -1 on error. */
  static native long outputBytes(long engine, int index);

  static native int copyOutput(long engine, int index, ByteBuffer direct, long offset, long bytes);

  static native byte[] outputString(long engine, int index, long element);

  static native int profileStart(long engine);

  static native int profileStop(long engine);

  static native byte[] profileText(long engine);

  /** Where a direct buffer's memory begins. */
  static native long address(Buffer direct);

  static native byte[] version();

  private static native byte[] lastError();

  private static native int lastCode();

  static byte[] utf8(String text) {
    return text == null ? null : text.getBytes(UTF_8);
  }

  static String text(byte[] utf8) {
    return utf8 == null ? null : new String(utf8, UTF_8);
  }

  /** The exception for the call of this thread that just failed. */
  static TarnException error() {
    return new TarnException(TarnException.Code.of(lastCode()), lastErrorText());
  }

  static String lastErrorText() {
    return text(lastError());
  }

  static void check(int code) {
    if (code != 0) throw error();
  }
}
