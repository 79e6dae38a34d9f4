package org.tarn.demo;

/**
 * How a model wants its pixels: (pixel - mean) / std of values from 0 to 255, by channel or one for all. Plain Java.
 */
public final class Normalization {
  private final float[] mean;
  private final float[] std;

  /** As the model's metadata has them; what is null is 0 for means, and what fits the range for stds. */
  public Normalization(String mean, String std, String range) {
    float[] span = numbers(range);
    // With a range alone, 0 and 255 go to its ends.
    float low = span.length == 2 ? span[0] : 0;
    float high = span.length == 2 ? span[1] : 1;
    float step = high > low ? 255 / (high - low) : 255;
    this.std = std == null ? new float[] {step} : numbers(std);
    this.mean = mean == null ? new float[] {std == null ? -low * step : 0} : numbers(mean);
  }

  public float apply(int pixel, int channel) {
    return (pixel - mean[Math.min(channel, mean.length - 1)]) / std[Math.min(channel, std.length - 1)];
  }

  private static float[] numbers(String text) {
    if (text == null || text.isEmpty()) return new float[0];
    String[] parts = text.split(",");
    float[] values = new float[parts.length];
    for (int i = 0; i < parts.length; ++i) values[i] = Float.parseFloat(parts[i].trim());
    return values;
  }
}
