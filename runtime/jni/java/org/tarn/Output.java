package org.tarn;

/** One of the tensors that an {@link Operation} makes. */
public final class Output {
  private final Operation operation;
  private final int index;
  private TensorInfo info;

  Output(Operation operation, int index) {
    this.operation = operation;
    this.index = index;
  }

  public Operation op() {
    return operation;
  }

  public int index() {
    return index;
  }

  /** As far as the model says it, with -1 for what it leaves open. */
  public Shape shape() {
    return new Shape(info().shape());
  }

  public DType dataType() {
    return info().dtype();
  }

  @Override
  public String toString() {
    return operation.name() + ":" + index;
  }

  private synchronized TensorInfo info() {
    if (info == null) info = operation.graph().describe(toString());
    return info;
  }
}
