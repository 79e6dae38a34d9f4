package org.tarn.demo;

/**
 * The 28×28 picture of a drawn digit as MNIST's were made: the ink's box is scaled to fit 20×20 with its aspect kept,
 * and its centre of mass is put in the middle of 28×28. The pen has the same width in that picture however large the
 * digit was drawn, so a small digit is not a fat one.
 *
 * <p>Ink is 1, paper 0, rows from the top: what the network was trained on.
 */
public final class DigitImage {
  public static final int SIZE = 28;
  private static final float BOX = 20;
  // Half the pen's width and the width of its soft edge, in pixels of the picture: with these the drawn test digits
  // have as much ink as MNIST's.
  private static final float PEN_RADIUS = 1.2f;
  private static final float PEN_EDGE = 1.3f;
  private static final int CURVE_PARTS = 8; // lines that a curve is drawn with: points lie close together

  private DigitImage() {}

  /** Null where nothing is drawn. */
  public static float[] of(Ink ink) {
    if (ink.isEmpty()) return null;
    Box box = new Box();
    ink.draw(new Lines(box));
    float side = Math.max(box.right - box.left, box.bottom - box.top);
    float scale = side == 0 ? 0 : (BOX - 2 * PEN_RADIUS) / side; // a dot stays one
    float left = SIZE / 2f - scale * (box.left + box.right) / 2;
    float top = SIZE / 2f - scale * (box.top + box.bottom) / 2;

    Canvas first = new Canvas(scale, left, top);
    ink.draw(new Lines(first));
    double mass = 0;
    double x = 0;
    double y = 0;
    for (int i = 0; i < SIZE * SIZE; ++i) {
      mass += first.pixels[i];
      x += first.pixels[i] * (i % SIZE + 0.5);
      y += first.pixels[i] * (i / SIZE + 0.5);
    }
    Canvas centred = new Canvas(scale, left + (float) (SIZE / 2.0 - x / mass), top + (float) (SIZE / 2.0 - y / mass));
    ink.draw(new Lines(centred));
    return centred.pixels;
  }

  /** Takes lines. */
  private interface Line {
    void draw(float x0, float y0, float x1, float y1);
  }

  /** Curves as lines. */
  private static final class Lines implements Ink.Pen {
    private final Line line;
    private float x;
    private float y;

    Lines(Line line) {
      this.line = line;
    }

    @Override
    public void moveTo(float toX, float toY) {
      x = toX;
      y = toY;
    }

    @Override
    public void lineTo(float toX, float toY) {
      line.draw(x, y, toX, toY);
      moveTo(toX, toY);
    }

    @Override
    public void quadTo(float controlX, float controlY, float toX, float toY) {
      float fromX = x;
      float fromY = y;
      for (int i = 1; i <= CURVE_PARTS; ++i) {
        float t = i / (float) CURVE_PARTS;
        float s = 1 - t;
        lineTo(s * s * fromX + 2 * s * t * controlX + t * t * toX, s * s * fromY + 2 * s * t * controlY + t * t * toY);
      }
    }
  }

  private static final class Box implements Line {
    float left = Float.POSITIVE_INFINITY;
    float top = Float.POSITIVE_INFINITY;
    float right = Float.NEGATIVE_INFINITY;
    float bottom = Float.NEGATIVE_INFINITY;

    @Override
    public void draw(float x0, float y0, float x1, float y1) {
      left = Math.min(left, Math.min(x0, x1));
      top = Math.min(top, Math.min(y0, y1));
      right = Math.max(right, Math.max(x0, x1));
      bottom = Math.max(bottom, Math.max(y0, y1));
    }
  }

  /** A pixel's ink follows from its centre's distance to the nearest line: full within the pen, fading at its edge. */
  private static final class Canvas implements Line {
    final float[] pixels = new float[SIZE * SIZE];
    private final float scale;
    private final float left;
    private final float top;

    Canvas(float scale, float left, float top) {
      this.scale = scale;
      this.left = left;
      this.top = top;
    }

    @Override
    public void draw(float fromX, float fromY, float toX, float toY) {
      float x0 = left + scale * fromX;
      float y0 = top + scale * fromY;
      float x1 = left + scale * toX;
      float y1 = top + scale * toY;
      float dx = x1 - x0;
      float dy = y1 - y0;
      float length = dx * dx + dy * dy;
      float reach = PEN_RADIUS + PEN_EDGE / 2 + 0.5f;
      int firstRow = Math.max(0, (int) Math.floor(Math.min(y0, y1) - reach));
      int lastRow = Math.min(SIZE - 1, (int) Math.ceil(Math.max(y0, y1) + reach));
      int firstColumn = Math.max(0, (int) Math.floor(Math.min(x0, x1) - reach));
      int lastColumn = Math.min(SIZE - 1, (int) Math.ceil(Math.max(x0, x1) + reach));
      for (int row = firstRow; row <= lastRow; ++row) {
        for (int column = firstColumn; column <= lastColumn; ++column) {
          float x = column + 0.5f - x0;
          float y = row + 0.5f - y0;
          float t = length == 0 ? 0 : Math.max(0, Math.min(1, (x * dx + y * dy) / length));
          float distance = (float) Math.hypot(x - t * dx, y - t * dy);
          float ink = Math.max(0, Math.min(1, 0.5f + (PEN_RADIUS - distance) / PEN_EDGE));
          int i = row * SIZE + column;
          pixels[i] = Math.max(pixels[i], ink);
        }
      }
    }
  }
}
