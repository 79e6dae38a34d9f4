package com.example;

import android.content.res.AssetManager;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
// These two lines are all that was changed: they were org.tensorflow.Operation and
// org.tensorflow.contrib.android.TensorFlowInferenceInterface.
import org.tarn.Operation;
import org.tarn.TensorFlowInferenceInterface;

/**
 * An image classifier as apps of TensorFlow Mobile's days have it, written from that API's documentation: assets in,
 * pixels normalized by the app, the best labels out.
 */
public class TensorFlowImageClassifier {
  /** A label and how sure the model is of it. */
  public static class Recognition {
    public final String title;
    public final float confidence;

    Recognition(String title, float confidence) {
      this.title = title;
      this.confidence = confidence;
    }
  }

  private static final int MAX_RESULTS = 3;
  private static final float THRESHOLD = 0.01f;

  private final String inputName;
  private final String outputName;
  private final String[] outputNames;
  private final int inputSize;
  private final float mean;
  private final float std;
  private final List<String> labels = new ArrayList<>();
  private final float[] values;
  private final float[] outputs;
  private final TensorFlowInferenceInterface inferenceInterface;

  public TensorFlowImageClassifier(AssetManager assets, String modelFilename, String labelFilename, int inputSize,
      float mean, float std, String inputName, String outputName) throws IOException {
    this.inputName = inputName;
    this.outputName = outputName;
    this.inputSize = inputSize;
    this.mean = mean;
    this.std = std;
    String asset = labelFilename.split("file:///android_asset/")[1];
    try (BufferedReader reader = new BufferedReader(new InputStreamReader(assets.open(asset), "UTF-8"))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) labels.add(line);
    }
    inferenceInterface = new TensorFlowInferenceInterface(assets, modelFilename);
    Operation operation = inferenceInterface.graphOperation(outputName);
    int classes = (int) operation.output(0).shape().size(1);
    outputNames = new String[] {outputName};
    outputs = new float[classes];
    values = new float[inputSize * inputSize * 3];
  }

  public int classes() {
    return outputs.length;
  }

  /** Pixels as Bitmap.getPixels gives them, inputSize × inputSize. */
  public List<Recognition> recognizeImage(int[] pixels, boolean logStats) {
    for (int i = 0; i < pixels.length; ++i) {
      int pixel = pixels[i];
      values[i * 3 + 0] = ((pixel >> 16 & 0xFF) - mean) / std;
      values[i * 3 + 1] = ((pixel >> 8 & 0xFF) - mean) / std;
      values[i * 3 + 2] = ((pixel & 0xFF) - mean) / std;
    }
    inferenceInterface.feed(inputName, values, 1, inputSize, inputSize, 3);
    inferenceInterface.run(outputNames, logStats);
    inferenceInterface.fetch(outputName, outputs);

    PriorityQueue<Recognition> queue = new PriorityQueue<>(MAX_RESULTS, new Comparator<Recognition>() {
      @Override
      public int compare(Recognition a, Recognition b) {
        return Float.compare(b.confidence, a.confidence);
      }
    });
    for (int i = 0; i < outputs.length; ++i) {
      if (outputs[i] > THRESHOLD) queue.add(new Recognition(labels.size() > i ? labels.get(i) : "unknown", outputs[i]));
    }
    List<Recognition> best = new ArrayList<>();
    for (int i = 0; i < MAX_RESULTS && !queue.isEmpty(); ++i) best.add(queue.poll());
    return best;
  }

  public String getStatString() {
    return inferenceInterface.getStatString();
  }

  public void close() {
    inferenceInterface.close();
  }
}
