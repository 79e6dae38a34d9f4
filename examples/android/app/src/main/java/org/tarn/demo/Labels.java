package org.tarn.demo;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The names of a model's classes. Plain Java. */
public final class Labels {
  /** A class and its score. */
  public static final class Score {
    public final int index;
    public final String label;
    public final float score;

    Score(int index, String label, float score) {
      this.index = index;
      this.label = label;
      this.score = score;
    }

    /** "tabby cat  87.3 %". */
    @Override
    public String toString() {
      return String.format(Locale.getDefault(), "%s  %.1f %%", label, 100 * score);
    }
  }

  public static final Labels DIGITS = new Labels("0\n1\n2\n3\n4\n5\n6\n7\n8\n9");

  private final String[] lines;

  /** One a line; null: there are none, and classes are called by their numbers. */
  public Labels(String text) {
    lines = text == null || text.isEmpty() ? new String[0] : text.split("\r?\n");
  }

  public int count() {
    return lines.length;
  }

  public String of(int index) {
    return index < lines.length ? lines[index] : "class " + index;
  }

  /** The {@code count} largest, the largest first. NaN is never among them. */
  public List<Score> top(float[] scores, int count) {
    List<Score> best = new ArrayList<>();
    for (int i = 0; i < scores.length; ++i) {
      if (Float.isNaN(scores[i])) continue;
      int at = best.size();
      while (at > 0 && best.get(at - 1).score < scores[i]) --at;
      if (at >= count) continue;
      best.add(at, new Score(i, of(i), scores[i]));
      if (best.size() > count) best.remove(count);
    }
    return best;
  }
}
