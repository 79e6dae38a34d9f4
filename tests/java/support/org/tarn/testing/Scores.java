package org.tarn.testing;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import org.tarn.Engine;
import org.tarn.TensorInfo;

/**
 * Runs a digit model on 100 MNIST digits: writes the scores to a file that is not there yet, else compares with those
 * in it, which another machine wrote.
 */
public final class Scores {
  private static final int DIGITS = 100;
  private static final float MOST_DIFFERENCE = 1e-5f; // float32 sums over at most 3,136 terms, scores up to 1

  private Scores() {}

  public static void main(String[] names) throws IOException {
    Mnist mnist = Mnist.load(DIGITS);
    File file = new File(names[1]);
    float[][] scores = new float[DIGITS][10];
    try (Engine engine = Engine.load(new File(names[0]))) {
      TensorInfo input = engine.inputs().get(0);
      TensorInfo output = engine.outputs().get(0);
      for (int i = 0; i < DIGITS; ++i) {
        float[] pixels = new float[28 * 28];
        for (int p = 0; p < pixels.length; ++p) pixels[p] = (mnist.images[i][p] & 0xff) / 255f;
        engine.setInput(input.name(), pixels);
        engine.run();
        engine.output(output.name(), scores[i]);
      }
    }
    if (!file.exists()) {
      try (DataOutputStream out = new DataOutputStream(new FileOutputStream(file))) {
        for (float[] digit : scores)
          for (float score : digit) out.writeFloat(score);
      }
      return;
    }
    float largest = 0;
    try (DataInputStream in = new DataInputStream(new FileInputStream(file))) {
      for (float[] digit : scores)
        for (float score : digit) largest = Math.max(largest, Math.abs(score - in.readFloat()));
    }
    System.out.printf("largest difference of %d scores: %.3g%n", 10 * DIGITS, largest);
    if (!(largest <= MOST_DIFFERENCE)) System.exit(1);
  }
}
