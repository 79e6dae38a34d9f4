package org.tarn;

/** An input or output of a model: its name, what its elements are, its shape. Immutable. */
public final class TensorInfo {
  private final String name;
  private final DType dtype;
  private final long[] shape;

  TensorInfo(String name, DType dtype, long[] shape) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
  }

  /** As in the graph: "input_node", "split:1". */
  public String name() {
    return name;
  }

  public DType dtype() {
    return dtype;
  }

  /** Its dimensions, -1 where the model leaves one open; null if it leaves the rank open. A copy. */
  public long[] shape() {
    return shape == null ? null : shape.clone();
  }

  /** How many elements a tensor of this shape has; -1 if a dimension is open. */
  public long elementCount() {
    if (shape == null) return -1;
    long count = 1;
    for (long dim : shape) {
      if (dim < 0) return -1;
      count *= dim;
    }
    return count;
  }

  /** "input_node float[?,784]". */
  @Override
  public String toString() {
    return name + " " + dtype + shapeText(shape);
  }

  static String shapeText(long[] shape) {
    if (shape == null) return "[...]";
    StringBuilder text = new StringBuilder("[");
    for (int i = 0; i < shape.length; ++i) {
      if (i > 0) text.append(',');
      if (shape[i] < 0) {
        text.append('?');
      } else {
        text.append(shape[i]);
      }
    }
    return text.append(']').toString();
  }
}
