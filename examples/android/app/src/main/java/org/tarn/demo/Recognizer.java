package org.tarn.demo;

import java.util.List;
import org.tarn.Engine;
import org.tarn.Model;
import org.tarn.TensorInfo;

/**
 * A classifier with one input and one output of scores: the engine with what the model's file tells of itself. One run
 * at a time. Plain Java.
 */
public final class Recognizer implements AutoCloseable {
  private final Engine engine;
  private final TensorInfo input;
  private final TensorInfo output;
  private final Labels labels;
  private final Normalization normalization;
  private double milliseconds;

  /** Keeps what it needs of {@code model}, which may be closed. */
  public Recognizer(Model model, int threads) {
    engine = model.newEngine(new Engine.Options().threads(threads));
    List<TensorInfo> inputs = engine.inputs();
    List<TensorInfo> outputs = engine.outputs();
    if (inputs.size() != 1 || outputs.isEmpty()) {
      engine.close();
      throw new IllegalArgumentException("A classifier has one input and an output of scores, not " + engine);
    }
    input = inputs.get(0);
    output = outputs.get(0);
    labels = new Labels(model.metadata("labels"));
    normalization = new Normalization(model.metadata("mean"), model.metadata("std"), model.metadata("range"));
    engine.prepare();
  }

  public Labels labels() {
    return labels;
  }

  public Normalization normalization() {
    return normalization;
  }

  /** Height and width of the pictures that the model takes. */
  public int inputSize() {
    long[] shape = input.shape();
    if (shape == null || shape.length != 4 || shape[1] <= 0 || shape[1] != shape[2]) {
      throw new IllegalArgumentException("The model does not say a square size of its pictures: " + input);
    }
    return (int) shape[1];
  }

  /** The scores of one picture, flattened. */
  public float[] classify(float[] picture) {
    long begin = System.nanoTime();
    // For a batch of one, whatever the rest of the shape is.
    engine.setInput(input.name(), picture);
    engine.run();
    float[] scores = new float[engine.output(output.name()).remaining() / 4];
    engine.output(output.name(), scores);
    milliseconds = (System.nanoTime() - begin) / 1e6;
    return scores;
  }

  /** How long the last classify() took. */
  public double milliseconds() {
    return milliseconds;
  }

  /** Stops a run that is under way in another thread. */
  @Override
  public void close() {
    engine.close();
  }
}
