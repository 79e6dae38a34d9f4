package org.tarn.demo;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.Path;
import android.os.Bundle;
import android.os.Parcelable;
import android.util.AttributeSet;
import android.view.MotionEvent;
import android.view.View;

/**
 * Paper for a finger or pen. Every point that the system saw between two frames is part of the stroke, so fast strokes
 * are round; the first pointer draws, others are left out.
 */
public final class DrawingView extends View {
  /** Hears of every change of the ink, on the main thread. */
  public interface Listener {
    void onInkChanged(Ink ink);
  }

  private static final float PEN_DP = 20;

  private final Ink ink = new Ink();
  private final Path path = new Path();
  private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
  private Listener listener;
  private int pointer = MotionEvent.INVALID_POINTER_ID;

  public DrawingView(Context context, AttributeSet attributes) {
    super(context, attributes);
    paint.setStyle(Paint.Style.STROKE);
    paint.setStrokeCap(Paint.Cap.ROUND);
    paint.setStrokeJoin(Paint.Join.ROUND);
    paint.setStrokeWidth(PEN_DP * getResources().getDisplayMetrics().density);
    paint.setColor(getResources().getColor(R.color.ink, context.getTheme()));
    setFocusable(true);
    setSaveEnabled(true);
  }

  public void setListener(Listener listener) {
    this.listener = listener;
  }

  public Ink ink() {
    return ink;
  }

  public void clear() {
    pointer = MotionEvent.INVALID_POINTER_ID;
    ink.clear();
    changed();
  }

  @Override
  public boolean onTouchEvent(MotionEvent event) {
    switch (event.getActionMasked()) {
      case MotionEvent.ACTION_DOWN:
        getParent().requestDisallowInterceptTouchEvent(true); // nothing around it scrolls meanwhile
        pointer = event.getPointerId(0);
        ink.begin(event.getX(), event.getY());
        changed();
        return true;
      case MotionEvent.ACTION_MOVE:
        extend(event);
        return true;
      case MotionEvent.ACTION_POINTER_UP:
        if (event.getPointerId(event.getActionIndex()) == pointer) pointer = MotionEvent.INVALID_POINTER_ID;
        return true;
      case MotionEvent.ACTION_UP:
        extend(event);
        pointer = MotionEvent.INVALID_POINTER_ID;
        performClick();
        return true;
      case MotionEvent.ACTION_CANCEL: // the gesture was the system's
        if (pointer != MotionEvent.INVALID_POINTER_ID) ink.dropLast();
        pointer = MotionEvent.INVALID_POINTER_ID;
        changed();
        return true;
      default:
        return super.onTouchEvent(event);
    }
  }

  @Override
  public boolean performClick() {
    return super.performClick();
  }

  private void extend(MotionEvent event) {
    int index = event.findPointerIndex(pointer);
    if (pointer == MotionEvent.INVALID_POINTER_ID || index < 0) return;
    for (int i = 0; i < event.getHistorySize(); ++i) {
      ink.extend(event.getHistoricalX(index, i), event.getHistoricalY(index, i));
    }
    ink.extend(event.getX(index), event.getY(index));
    changed();
  }

  private void changed() {
    path.rewind();
    ink.draw(new Ink.Pen() {
      @Override
      public void moveTo(float x, float y) {
        path.moveTo(x, y);
      }

      @Override
      public void lineTo(float x, float y) {
        path.lineTo(x, y);
      }

      @Override
      public void quadTo(float controlX, float controlY, float x, float y) {
        path.quadTo(controlX, controlY, x, y);
      }
    });
    invalidate();
    if (listener != null) listener.onInkChanged(ink);
  }

  @Override
  protected void onDraw(Canvas canvas) {
    super.onDraw(canvas);
    canvas.drawPath(path, paint);
  }

  /** Square: as wide as it may be, but not so high that the answer is off the screen. */
  @Override
  protected void onMeasure(int widthSpec, int heightSpec) {
    int width = MeasureSpec.getSize(widthSpec);
    int height = getResources().getDisplayMetrics().heightPixels * 3 / 5;
    if (MeasureSpec.getMode(heightSpec) != MeasureSpec.UNSPECIFIED) {
      height = Math.min(height, MeasureSpec.getSize(heightSpec));
    }
    int side = Math.min(width, height);
    setMeasuredDimension(side, side);
  }

  @Override
  protected Parcelable onSaveInstanceState() {
    Bundle state = new Bundle();
    state.putParcelable("view", super.onSaveInstanceState());
    state.putFloatArray("ink", ink.save());
    return state;
  }

  @Override
  @SuppressWarnings("deprecation") // the typed getParcelable is of Android 13
  protected void onRestoreInstanceState(Parcelable state) {
    Bundle bundle = (Bundle) state;
    super.onRestoreInstanceState(bundle.getParcelable("view"));
    float[] saved = bundle.getFloatArray("ink");
    if (saved != null) ink.restore(saved);
    changed();
  }
}
