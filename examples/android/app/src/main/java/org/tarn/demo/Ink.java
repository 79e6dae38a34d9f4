package org.tarn.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a finger or pen drew: strokes of points, smoothed by quadratic curves from middle to middle with the points as
 * their control points. Plain Java: the view draws these curves, {@link DigitImage} makes the network's picture of
 * them.
 */
public final class Ink {
  /** Takes the curves of the strokes, in order; android.graphics.Path has the same methods. */
  public interface Pen {
    void moveTo(float x, float y);

    void lineTo(float x, float y);

    void quadTo(float controlX, float controlY, float x, float y);
  }

  private static final class Stroke {
    float[] points = new float[64]; // x, y, x, y …
    int length;

    void add(float x, float y) {
      if (length == points.length) points = Arrays.copyOf(points, 2 * length);
      points[length++] = x;
      points[length++] = y;
    }
  }

  private final List<Stroke> strokes = new ArrayList<>();

  public void begin(float x, float y) {
    Stroke stroke = new Stroke();
    stroke.add(x, y);
    strokes.add(stroke);
  }

  /** A further point of the last stroke. One that has not moved adds nothing. */
  public void extend(float x, float y) {
    if (strokes.isEmpty()) {
      begin(x, y);
      return;
    }
    Stroke stroke = strokes.get(strokes.size() - 1);
    if (stroke.points[stroke.length - 2] == x && stroke.points[stroke.length - 1] == y) return;
    stroke.add(x, y);
  }

  /** Takes the last stroke back, as when the system takes a gesture for its own. */
  public void dropLast() {
    if (!strokes.isEmpty()) strokes.remove(strokes.size() - 1);
  }

  public void clear() {
    strokes.clear();
  }

  public boolean isEmpty() {
    return strokes.isEmpty();
  }

  public int strokeCount() {
    return strokes.size();
  }

  public void draw(Pen pen) {
    for (Stroke stroke : strokes) {
      float[] p = stroke.points;
      pen.moveTo(p[0], p[1]);
      if (stroke.length == 2) {
        pen.lineTo(p[0], p[1]); // a dot: round caps make it one
        continue;
      }
      for (int i = 2; i + 2 < stroke.length; i += 2) {
        pen.quadTo(p[i], p[i + 1], (p[i] + p[i + 2]) / 2, (p[i + 1] + p[i + 3]) / 2);
      }
      pen.lineTo(p[stroke.length - 2], p[stroke.length - 1]);
    }
  }

  /** The points as numbers, to be kept while the screen turns: the length of each stroke, then its points. */
  public float[] save() {
    int length = 0;
    for (Stroke stroke : strokes) length += 1 + stroke.length;
    float[] saved = new float[length];
    int at = 0;
    for (Stroke stroke : strokes) {
      saved[at++] = stroke.length;
      System.arraycopy(stroke.points, 0, saved, at, stroke.length);
      at += stroke.length;
    }
    return saved;
  }

  public void restore(float[] saved) {
    strokes.clear();
    for (int at = 0; at < saved.length;) {
      int length = (int) saved[at++];
      begin(saved[at], saved[at + 1]);
      for (int i = 2; i < length; i += 2) strokes.get(strokes.size() - 1).add(saved[at + i], saved[at + i + 1]);
      at += length;
    }
  }
}
