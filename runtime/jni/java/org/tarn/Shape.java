package org.tarn;

/** The shape of an {@link Output}, asked as TensorFlow's Java API is. Immutable. */
public final class Shape {
  private final long[] dims;

  Shape(long[] dims) {
    this.dims = dims;
  }

  /** -1: unknown. */
  public int numDimensions() {
    return dims == null ? -1 : dims.length;
  }

  /** -1: unknown. */
  public long size(int dimension) {
    return dims[dimension];
  }

  @Override
  public String toString() {
    return dims == null ? "<unknown>" : TensorInfo.shapeText(dims).replace(",", ", ");
  }
}
