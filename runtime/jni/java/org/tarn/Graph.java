package org.tarn;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/** The nodes of a model, asked as TensorFlow's Java API is. Good for as long as the interface it comes from is open. */
public final class Graph {
  private final Model model;

  Graph(Model model) {
    this.model = model;
  }

  /** Null if the model has no node of that name. */
  public Operation operation(String name) {
    String type = model.opOf(name);
    return type == null ? null : new Operation(this, name, type);
  }

  /** All nodes in the file's order. */
  public Iterator<Operation> operations() {
    List<Operation> all = new ArrayList<>();
    for (String name : model.nodes()) all.add(operation(name));
    return all.iterator();
  }

  // An engine that computes this tensor infers what it is.
  TensorInfo describe(String tensor) {
    try (Engine engine = model.newEngine(new Engine.Options().outputs(tensor))) {
      return engine.outputs().get(0);
    }
  }
}
