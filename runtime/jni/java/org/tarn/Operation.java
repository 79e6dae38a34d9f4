package org.tarn;

/** A node of a {@link Graph}. */
public final class Operation {
  private final Graph graph;
  private final String name;
  private final String type;

  Operation(Graph graph, String name, String type) {
    this.graph = graph;
    this.name = name;
    this.type = type;
  }

  public String name() {
    return name;
  }

  /** "Conv2D". */
  public String type() {
    return type;
  }

  /** Which of its tensors; that there is such a one is seen when its shape is asked for. */
  public Output output(int index) {
    return new Output(this, index);
  }

  @Override
  public String toString() {
    return "<" + type + " '" + name + "'>";
  }

  Graph graph() {
    return graph;
  }
}
