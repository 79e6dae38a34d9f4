package org.tarn.testing;

import java.util.ArrayList;
import java.util.List;

/**
 * The strokes that a pen would have made of a 28×28 digit: its pixels are enlarged, thinned to lines one pixel wide
 * (Zhang and Suen, 1984) and followed from end to end. Coordinates are pixels of the digit.
 */
public final class Strokes {
  private static final int ZOOM = 4;
  private static final int SIDE = 28 * ZOOM;
  private static final int SHORTEST = 2 * ZOOM; // what thinning leaves beside the strokes is shorter
  private static final int[] DX = {0, 1, 1, 1, 0, -1, -1, -1}; // clockwise from above
  private static final int[] DY = {-1, -1, 0, 1, 1, 1, 0, -1};

  private Strokes() {}

  /** Each as x, y, x, y … */
  public static List<float[]> of(byte[] digit) {
    boolean[] ink = thin(enlarge(digit));
    List<List<int[]>> lines = new ArrayList<>();
    boolean[] seen = new boolean[ink.length];
    for (int degree = 1; degree <= 8; ++degree) { // ends first, then what has none: closed loops
      for (int i = 0; i < ink.length; ++i) {
        if (ink[i] && !seen[i] && neighbours(ink, i) == degree) lines.add(follow(ink, seen, i));
      }
    }
    for (int i = 0; i < ink.length; ++i) {
      if (ink[i] && !seen[i]) lines.add(follow(ink, seen, i));
    }
    List<float[]> strokes = new ArrayList<>();
    int longest = 0;
    for (List<int[]> line : lines) longest = Math.max(longest, line.size());
    for (List<int[]> line : lines) {
      if (line.size() >= SHORTEST || line.size() == longest) strokes.add(smooth(line));
    }
    return strokes;
  }

  private static boolean[] enlarge(byte[] digit) {
    boolean[] ink = new boolean[SIDE * SIDE];
    for (int row = 0; row < SIDE; ++row) {
      for (int column = 0; column < SIDE; ++column) {
        float y = (row + 0.5f) / ZOOM - 0.5f;
        float x = (column + 0.5f) / ZOOM - 0.5f;
        int y0 = (int) Math.floor(y);
        int x0 = (int) Math.floor(x);
        float value = (1 - (y - y0)) * ((1 - (x - x0)) * at(digit, y0, x0) + (x - x0) * at(digit, y0, x0 + 1))
            + (y - y0) * ((1 - (x - x0)) * at(digit, y0 + 1, x0) + (x - x0) * at(digit, y0 + 1, x0 + 1));
        ink[row * SIDE + column] = value > 110;
      }
    }
    return ink;
  }

  private static int at(byte[] digit, int row, int column) {
    return row < 0 || row >= 28 || column < 0 || column >= 28 ? 0 : digit[row * 28 + column] & 0xff;
  }

  private static boolean get(boolean[] ink, int i, int direction) {
    int x = i % SIDE + DX[direction];
    int y = i / SIDE + DY[direction];
    return x >= 0 && x < SIDE && y >= 0 && y < SIDE && ink[y * SIDE + x];
  }

  private static int neighbours(boolean[] ink, int i) {
    int count = 0;
    for (int d = 0; d < 8; ++d) count += get(ink, i, d) ? 1 : 0;
    return count;
  }

  private static boolean[] thin(boolean[] ink) {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (int half = 0; half < 2; ++half) {
        List<Integer> gone = new ArrayList<>();
        for (int i = 0; i < ink.length; ++i) {
          if (!ink[i]) continue;
          int count = neighbours(ink, i);
          int changes = 0;
          for (int d = 0; d < 8; ++d) changes += !get(ink, i, d) && get(ink, i, (d + 1) % 8) ? 1 : 0;
          boolean up = get(ink, i, 0);
          boolean right = get(ink, i, 2);
          boolean down = get(ink, i, 4);
          boolean left = get(ink, i, 6);
          boolean goes = half == 0 ? !(up && right && down) && !(right && down && left)
                                   : !(up && right && left) && !(up && down && left);
          if (count >= 2 && count <= 6 && changes == 1 && goes) gone.add(i);
        }
        for (int i : gone) ink[i] = false;
        changed |= !gone.isEmpty();
      }
    }
    return ink;
  }

  // As straight as the line allows, from `i` until nothing is left beside it.
  private static List<int[]> follow(boolean[] ink, boolean[] seen, int i) {
    List<int[]> line = new ArrayList<>();
    int direction = -1;
    // A branch begins on the line that it leaves.
    for (int d = 0; d < 8; ++d) {
      if (direction < 0 && get(ink, i, d) && seen[next(i, d)]) {
        int from = next(i, d);
        line.add(new int[] {from % SIDE, from / SIDE});
        direction = (d + 4) % 8;
      }
    }
    while (true) {
      seen[i] = true;
      line.add(new int[] {i % SIDE, i / SIDE});
      int best = -1;
      int touched = -1;
      for (int turn : new int[] {0, 1, -1, 2, -2, 3, -3, 4}) {
        int d = (Math.max(direction, 0) + turn + 8) % 8;
        if (!get(ink, i, d)) continue;
        if (!seen[next(i, d)]) {
          best = d;
          break;
        }
        int[] other = {next(i, d) % SIDE, next(i, d) / SIDE};
        if (touched < 0 && line.size() > 3 && !recent(line, other)) touched = d;
      }
      if (best < 0) {
        if (touched >= 0) line.add(new int[] {next(i, touched) % SIDE, next(i, touched) / SIDE}); // a loop closes
        return line;
      }
      direction = best;
      i = next(i, best);
    }
  }

  private static boolean recent(List<int[]> line, int[] point) {
    for (int i = Math.max(0, line.size() - 4); i < line.size(); ++i) {
      if (line.get(i)[0] == point[0] && line.get(i)[1] == point[1]) return true;
    }
    return false;
  }

  private static int next(int i, int direction) {
    return i + DY[direction] * SIDE + DX[direction];
  }

  // The mean of each point's surroundings, every other point: a hand does not draw stairs.
  private static float[] smooth(List<int[]> line) {
    int reach = 3;
    List<Float> points = new ArrayList<>();
    for (int i = 0; i < line.size(); i = i + 2 < line.size() || i == line.size() - 1 ? i + 2 : line.size() - 1) {
      int width = Math.min(reach, Math.min(i, line.size() - 1 - i));
      float x = 0;
      float y = 0;
      for (int j = i - width; j <= i + width; ++j) {
        x += line.get(j)[0];
        y += line.get(j)[1];
      }
      points.add((x / (2 * width + 1) + 0.5f) / ZOOM);
      points.add((y / (2 * width + 1) + 0.5f) / ZOOM);
    }
    float[] stroke = new float[points.size()];
    for (int i = 0; i < stroke.length; ++i) stroke[i] = points.get(i);
    return stroke;
  }
}
