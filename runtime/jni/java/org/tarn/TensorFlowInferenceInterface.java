package org.tarn;

import android.content.res.AssetManager;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/**
 * {@link InferenceInterface} by the name that TensorFlow's class has, so that an old app changes its imports and
 * nothing else: {@code org.tensorflow.contrib.android.TensorFlowInferenceInterface}, {@code org.tensorflow.Graph},
 * {@code org.tensorflow.Operation} become {@code org.tarn.…}. It also has the methods from before TensorFlow 1.2, which
 * give 0 or -1 instead of throwing; {@link #lastError} then says why.
 */
public class TensorFlowInferenceInterface extends InferenceInterface {
  private String lastError = "";

  public TensorFlowInferenceInterface(AssetManager assetManager, String model) {
    super(assetManager, model);
  }

  public TensorFlowInferenceInterface(InputStream stream) {
    super(stream);
  }

  /** initializeTensorFlow() follows. */
  public TensorFlowInferenceInterface() {}

  /** Not in TensorFlow's: why the last method that gave -1 did so. */
  public synchronized String lastError() {
    return lastError;
  }

  public synchronized int initializeTensorFlow(AssetManager assetManager, String model) {
    try {
      open(assetManager, model);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  private boolean logStats;

  public synchronized void enableStatLogging(boolean enabled) {
    logStats = enabled;
  }

  public synchronized int runInference(String[] outputNames) {
    try {
      run(outputNames, logStats);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  public void fillNodeFloat(String inputName, int[] dims, float[] src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeInt(String inputName, int[] dims, int[] src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeDouble(String inputName, int[] dims, double[] src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeByte(String inputName, int[] dims, byte[] src) {
    feed(inputName, src, longs(dims));
  }

  // The oldest form had four dimensions.

  public void fillNodeFloat(String inputName, int batch, int y, int x, int depth, float[] src) {
    feed(inputName, src, batch, y, x, depth);
  }

  public void fillNodeInt(String inputName, int batch, int y, int x, int depth, int[] src) {
    feed(inputName, src, batch, y, x, depth);
  }

  public void fillNodeDouble(String inputName, int batch, int y, int x, int depth, double[] src) {
    feed(inputName, src, batch, y, x, depth);
  }

  public void fillNodeByte(String inputName, int batch, int y, int x, int depth, byte[] src) {
    feed(inputName, src, batch, y, x, depth);
  }

  public void fillNodeFromFloatBuffer(String inputName, IntBuffer dims, FloatBuffer src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeFromIntBuffer(String inputName, IntBuffer dims, IntBuffer src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeFromDoubleBuffer(String inputName, IntBuffer dims, DoubleBuffer src) {
    feed(inputName, src, longs(dims));
  }

  public void fillNodeFromByteBuffer(String inputName, IntBuffer dims, ByteBuffer src) {
    feed(inputName, src, longs(dims));
  }

  public int readNodeFloat(String outputName, float[] dst) {
    return readNodeIntoFloatBuffer(outputName, FloatBuffer.wrap(dst));
  }

  public int readNodeInt(String outputName, int[] dst) {
    return readNodeIntoIntBuffer(outputName, IntBuffer.wrap(dst));
  }

  public int readNodeDouble(String outputName, double[] dst) {
    return readNodeIntoDoubleBuffer(outputName, DoubleBuffer.wrap(dst));
  }

  public int readNodeByte(String outputName, byte[] dst) {
    return readNodeIntoByteBuffer(outputName, ByteBuffer.wrap(dst));
  }

  public synchronized int readNodeIntoFloatBuffer(String outputName, FloatBuffer dst) {
    try {
      fetch(outputName, dst);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  public synchronized int readNodeIntoIntBuffer(String outputName, IntBuffer dst) {
    try {
      fetch(outputName, dst);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  public synchronized int readNodeIntoDoubleBuffer(String outputName, DoubleBuffer dst) {
    try {
      fetch(outputName, dst);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  public synchronized int readNodeIntoByteBuffer(String outputName, ByteBuffer dst) {
    try {
      fetch(outputName, dst);
      return 0;
    } catch (RuntimeException e) {
      return failed(e);
    }
  }

  private int failed(RuntimeException e) {
    lastError = String.valueOf(e.getMessage());
    return -1;
  }

  private static long[] longs(int[] dims) {
    long[] result = new long[dims.length];
    for (int i = 0; i < dims.length; ++i) result[i] = dims[i];
    return result;
  }

  private static long[] longs(IntBuffer dims) {
    IntBuffer view = dims.duplicate();
    int[] values = new int[view.remaining()];
    view.get(values);
    return longs(values);
  }
}
