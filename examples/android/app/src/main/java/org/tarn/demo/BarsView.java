package org.tarn.demo;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.util.AttributeSet;
import android.view.View;
import java.util.List;
import java.util.Locale;

/** Probabilities as bars, one a class, the largest in another colour. Without any, the classes alone. */
public final class BarsView extends View {
  private static final float ROW_DP = 22;
  private static final float TEXT_DP = 14;

  private final Paint text = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final Paint bar = new Paint(Paint.ANTI_ALIAS_FLAG);
  private final int plain;
  private final int best;
  private final float density;
  private Labels labels = Labels.DIGITS;
  private float[] probabilities;

  public BarsView(Context context, AttributeSet attributes) {
    super(context, attributes);
    density = getResources().getDisplayMetrics().density;
    plain = getResources().getColor(R.color.bar, context.getTheme());
    best = getResources().getColor(R.color.bar_best, context.getTheme());
    text.setColor(getResources().getColor(R.color.ink, context.getTheme()));
    text.setTextSize(TEXT_DP * density);
  }

  public void setLabels(Labels labels) {
    this.labels = labels;
    requestLayout();
    invalidate();
  }

  /** Null: nothing is known. */
  public void show(float[] probabilities) {
    this.probabilities = probabilities == null ? null : probabilities.clone();
    setContentDescription(probabilities == null ? getResources().getString(R.string.nothing_drawn)
                                                : labels.top(probabilities, 1).toString());
    invalidate();
  }

  /** What is shown; null: nothing. */
  public float[] probabilities() {
    return probabilities == null ? null : probabilities.clone();
  }

  @Override
  protected void onMeasure(int widthSpec, int heightSpec) {
    int height = Math.round(labels.count() * ROW_DP * density);
    setMeasuredDimension(MeasureSpec.getSize(widthSpec), resolveSize(height, heightSpec));
  }

  @Override
  protected void onDraw(Canvas canvas) {
    super.onDraw(canvas);
    float row = getHeight() / (float) Math.max(1, labels.count());
    float left = text.measureText("0") + 12 * density;
    float right = getWidth() - text.measureText("100.0 %") - 12 * density;
    List<Labels.Score> top = probabilities == null ? null : labels.top(probabilities, 1);
    int winner = top == null || top.isEmpty() ? -1 : top.get(0).index;
    for (int i = 0; i < labels.count(); ++i) {
      float baseline = row * (i + 0.5f) + TEXT_DP * density / 3;
      canvas.drawText(labels.of(i), 4 * density, baseline, text);
      if (probabilities == null || i >= probabilities.length) continue;
      bar.setColor(i == winner ? best : plain);
      float length = Math.max(0, Math.min(1, probabilities[i])) * (right - left);
      float end = left + Math.max(length, density);
      canvas.drawRoundRect(
          left, row * i + 3 * density, end, row * (i + 1) - 3 * density, 3 * density, 3 * density, bar);
      String percent = String.format(Locale.getDefault(), "%.1f %%", 100 * probabilities[i]);
      canvas.drawText(percent, right + 8 * density, baseline, text);
    }
  }
}
