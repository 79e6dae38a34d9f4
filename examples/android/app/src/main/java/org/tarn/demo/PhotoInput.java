package org.tarn.demo;

/** A photograph as a classifier's input: the square in its middle, scaled, normalized, NHWC of one. Plain Java. */
public final class PhotoInput {
  private PhotoInput() {}

  /**
   * @param argb pixels as android.graphics.Bitmap has them, row by row
   * @param size height and width of the result, float[1, size, size, 3]
   */
  public static float[] of(int[] argb, int width, int height, int size, Normalization normalization) {
    int side = Math.min(width, height);
    int left = (width - side) / 2;
    int top = (height - side) / 2;
    float scale = side / (float) size;
    float[] input = new float[3 * size * size];
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        for (int channel = 0; channel < 3; ++channel) {
          float value = sample(argb, width, left, top, side, row, column, scale, 16 - 8 * channel);
          input[3 * (row * size + column) + channel] = normalization.apply(Math.round(value), channel);
        }
      }
    }
    return input;
  }

  // Shrinking takes the mean of the pixels that the target covers, so that none is passed over; enlarging is bilinear.
  private static float sample(
      int[] argb, int width, int left, int top, int side, int row, int column, float scale, int shift) {
    if (scale <= 1) {
      float y = Math.max(0, Math.min(side - 1, (row + 0.5f) * scale - 0.5f));
      float x = Math.max(0, Math.min(side - 1, (column + 0.5f) * scale - 0.5f));
      int y0 = (int) y;
      int x0 = (int) x;
      int y1 = Math.min(y0 + 1, side - 1);
      int x1 = Math.min(x0 + 1, side - 1);
      float upper =
          mix(at(argb, width, left + x0, top + y0, shift), at(argb, width, left + x1, top + y0, shift), x - x0);
      float lower =
          mix(at(argb, width, left + x0, top + y1, shift), at(argb, width, left + x1, top + y1, shift), x - x0);
      return mix(upper, lower, y - y0);
    }
    float fromY = row * scale;
    float toY = Math.min(side, fromY + scale);
    float fromX = column * scale;
    float toX = Math.min(side, fromX + scale);
    float sum = 0;
    float area = 0;
    for (int y = (int) fromY; y < toY && y < side; ++y) {
      float rowPart = Math.min(y + 1, toY) - Math.max(y, fromY);
      for (int x = (int) fromX; x < toX && x < side; ++x) {
        float part = rowPart * (Math.min(x + 1, toX) - Math.max(x, fromX));
        sum += part * at(argb, width, left + x, top + y, shift);
        area += part;
      }
    }
    return sum / area;
  }

  private static int at(int[] argb, int width, int x, int y, int shift) {
    return argb[y * width + x] >> shift & 0xff;
  }

  private static float mix(float a, float b, float part) {
    return a + part * (b - a);
  }
}
