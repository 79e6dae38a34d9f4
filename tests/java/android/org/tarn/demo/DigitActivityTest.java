package org.tarn.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeNotNull;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.Looper;
import android.os.SystemClock;
import android.view.MotionEvent;
import android.view.View;
import android.widget.TextView;
import java.io.File;
import java.io.FileOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.tarn.testing.Mnist;
import org.tarn.testing.Strokes;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34, qualifiers = "w360dp-h720dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class DigitActivityTest {
  private static final int DIGITS = 100;
  private static final int ASKED = 97;

  @Test
  public void recognizesTestDigitsDrawnWithAFinger() throws Exception {
    Mnist mnist = Mnist.load(DIGITS);
    assumeNotNull("TARN_DATA/mnist is not there", mnist);
    DigitActivity activity = open().get();
    DrawingView view = activity.findViewById(R.id.drawing);

    int right = 0;
    double ink = 0;
    double wanted = 0;
    List<String> wrong = new ArrayList<>();
    for (int i = 0; i < DIGITS; ++i) {
      view.clear();
      draw(view, mnist.images[i], 0);
      settle(activity);
      int answer = best(activity);
      if (answer == mnist.labels[i]) {
        ++right;
      } else {
        wrong.add("digit " + i + ": " + mnist.labels[i] + " read as " + answer);
      }
      for (float pixel : DigitImage.of(view.ink())) ink += pixel;
      for (byte pixel : mnist.images[i]) wanted += (pixel & 0xff) / 255.0;
    }

    System.out.printf("%d of %d drawn digits recognized; ink %.3f of MNIST's%n", right, DIGITS, ink / wanted);
    for (String text : wrong) System.out.println(text);
    assertTrue(right + " recognized: " + wrong, right >= ASKED);
  }

  @Test
  public void sizeAndPlaceOnThePaperMakeNoDifference() throws Exception {
    Ink large = new Ink();
    Ink small = new Ink();
    float[] seven = {10, 10, 60, 12, 50, 50, 30, 90};
    for (int i = 0; i < seven.length; i += 2) {
      if (i == 0) {
        large.begin(9 * seven[0], 9 * seven[1]);
        small.begin(500 + seven[0], 700 + seven[1]);
      } else {
        large.extend(9 * seven[i], 9 * seven[i + 1]);
        small.extend(500 + seven[i], 700 + seven[i + 1]);
      }
    }

    float[] a = DigitImage.of(large);
    float[] b = DigitImage.of(small);

    for (int i = 0; i < a.length; ++i) assertEquals(a[i], b[i], 1e-3);
  }

  @Test
  public void saysNothingOfEmptyPaper() throws Exception {
    DigitActivity activity = open().get();
    settle(activity);

    BarsView bars = activity.findViewById(R.id.bars);
    assertNull(bars.probabilities());
    assertEquals("Draw a digit", text(activity, R.id.answer));
  }

  @Test
  public void clearTakesInkAndAnswerAway() throws Exception {
    DigitActivity activity = open().get();
    DrawingView view = activity.findViewById(R.id.drawing);
    stroke(view, new float[] {0.5f, 0.2f, 0.5f, 0.5f, 0.5f, 0.8f});
    settle(activity);
    BarsView bars = activity.findViewById(R.id.bars);
    assertNotNull(bars.probabilities());
    assertTrue(text(activity, R.id.latency).endsWith(" ms"));

    activity.findViewById(R.id.clear).performClick();
    settle(activity);

    assertTrue(view.ink().isEmpty());
    assertNull(bars.probabilities());
    assertEquals("", text(activity, R.id.latency));
  }

  @Test
  public void probabilitiesAreShownAsTheyAre() throws Exception {
    DigitActivity activity = open().get();
    DrawingView view = activity.findViewById(R.id.drawing);
    stroke(view, new float[] {0.5f, 0.2f, 0.5f, 0.5f, 0.5f, 0.8f});
    settle(activity);

    float[] shown = ((BarsView) activity.findViewById(R.id.bars)).probabilities();

    double sum = 0;
    for (float p : shown) sum += p;
    assertEquals(1, sum, 1e-5);
    assertEquals("1", text(activity, R.id.answer));
  }

  @Test
  public void pointsBetweenFramesAreDrawn() throws Exception {
    DigitActivity activity = open().get();
    DrawingView view = activity.findViewById(R.id.drawing);
    long now = SystemClock.uptimeMillis();
    touch(view, MotionEvent.obtain(now, now, MotionEvent.ACTION_DOWN, 10, 10, 0));
    MotionEvent move = MotionEvent.obtain(now, now + 4, MotionEvent.ACTION_MOVE, 20, 30, 0);
    move.addBatch(now + 8, 30, 10, 1, 1, 0);
    move.addBatch(now + 12, 40, 30, 1, 1, 0);
    touch(view, move);
    touch(view, MotionEvent.obtain(now, now + 16, MotionEvent.ACTION_UP, 40, 30, 0));

    float[] points = view.ink().save();

    org.junit.Assert.assertArrayEquals(new float[] {8, 10, 10, 20, 30, 30, 10, 40, 30}, points, 0);
  }

  @Test
  public void aGestureThatTheSystemTakesLeavesNoInk() throws Exception {
    DigitActivity activity = open().get();
    DrawingView view = activity.findViewById(R.id.drawing);
    long now = SystemClock.uptimeMillis();
    touch(view, MotionEvent.obtain(now, now, MotionEvent.ACTION_DOWN, 10, 10, 0));
    touch(view, MotionEvent.obtain(now, now + 4, MotionEvent.ACTION_MOVE, 90, 90, 0));
    touch(view, MotionEvent.obtain(now, now + 8, MotionEvent.ACTION_CANCEL, 90, 90, 0));

    assertTrue(view.ink().isEmpty());
  }

  @Test
  public void inkIsThereAfterTheScreenTurns() throws Exception {
    ActivityController<DigitActivity> controller = open();
    DrawingView view = controller.get().findViewById(R.id.drawing);
    stroke(view, new float[] {0.5f, 0.2f, 0.4f, 0.5f, 0.5f, 0.8f});
    float[] before = view.ink().save();

    controller.recreate();

    DrawingView after = controller.get().findViewById(R.id.drawing);
    assertFalse(after == view);
    org.junit.Assert.assertArrayEquals(before, after.ink().save(), 0);
    settle(controller.get());
    assertNotNull(((BarsView) controller.get().findViewById(R.id.bars)).probabilities());
  }

  @Test
  public void theOtherButtonOpensThePhotoScreen() throws Exception {
    DigitActivity activity = open().get();

    activity.findViewById(R.id.photo).performClick();

    Intent next = shadowOf(activity).getNextStartedActivity();
    assertEquals(PhotoActivity.class.getName(), next.getComponent().getClassName());
  }

  /** What the screen looks like, for the documentation: $TARN_SCREENSHOTS/android_digits.png. */
  @Test
  public void drawsInkAndBars() throws Exception {
    Mnist mnist = Mnist.load(1);
    assumeNotNull("TARN_DATA/mnist is not there", mnist);
    DigitActivity activity = open().get();
    View screen = activity.getWindow().getDecorView();
    Bitmap empty = picture(screen);
    draw((DrawingView) activity.findViewById(R.id.drawing), mnist.images[0], 0);
    settle(activity);

    Bitmap drawn = picture(screen);

    DrawingView view = activity.findViewById(R.id.drawing);
    BarsView bars = activity.findViewById(R.id.bars);
    assertTrue(changedPixels(empty, drawn, view) > 2000);
    assertTrue(changedPixels(empty, drawn, bars) > 2000);
    String folder = System.getenv("TARN_SCREENSHOTS");
    if (folder == null) return;
    try (FileOutputStream file = new FileOutputStream(new File(folder, "android_digits.png"))) {
      drawn.compress(Bitmap.CompressFormat.PNG, 100, file);
    }
  }

  private static ActivityController<DigitActivity> open() throws Exception {
    ActivityController<DigitActivity> controller = Robolectric.buildActivity(DigitActivity.class).setup();
    settle(controller.get());
    return controller;
  }

  // Until the worker has done what it was asked for and the screen shows it.
  private static void settle(DigitActivity activity) throws Exception {
    shadowOf(Looper.getMainLooper()).idle();
    CountDownLatch done = new CountDownLatch(1);
    activity.worker.run(done::countDown);
    done.await();
    shadowOf(Looper.getMainLooper()).idle();
  }

  private static int best(DigitActivity activity) {
    float[] p = ((BarsView) activity.findViewById(R.id.bars)).probabilities();
    return Labels.DIGITS.top(p, 1).get(0).index;
  }

  private static String text(DigitActivity activity, int id) {
    return ((TextView) activity.findViewById(id)).getText().toString();
  }

  private static void draw(DrawingView view, byte[] digit, float margin) {
    for (float[] stroke : Strokes.of(digit)) {
      float[] part = new float[stroke.length];
      for (int i = 0; i < stroke.length; ++i) part[i] = stroke[i] / 28;
      stroke(view, part);
    }
  }

  // A stroke in parts of the view's side, as a touch screen gives it: some points an event, the others as its history.
  private static void stroke(DrawingView view, float[] parts) {
    float side = view.getWidth();
    long begin = SystemClock.uptimeMillis();
    long now = begin;
    touch(view, MotionEvent.obtain(begin, now, MotionEvent.ACTION_DOWN, side * parts[0], side * parts[1], 0));
    for (int i = 2; i < parts.length;) {
      now += 4;
      MotionEvent move =
          MotionEvent.obtain(begin, now, MotionEvent.ACTION_MOVE, side * parts[i], side * parts[i + 1], 0);
      i += 2;
      for (int more = 0; more < 3 && i < parts.length; ++more, i += 2) {
        now += 4;
        move.addBatch(now, side * parts[i], side * parts[i + 1], 1, 1, 0);
      }
      touch(view, move);
    }
    int last = parts.length - 2;
    touch(view, MotionEvent.obtain(begin, now, MotionEvent.ACTION_UP, side * parts[last], side * parts[last + 1], 0));
  }

  private static void touch(View view, MotionEvent event) {
    assertTrue(view.dispatchTouchEvent(event));
    event.recycle();
  }

  private static Bitmap picture(View view) {
    Bitmap bitmap = Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
    view.draw(new Canvas(bitmap));
    return bitmap;
  }

  private static int changedPixels(Bitmap a, Bitmap b, View where) {
    int[] place = new int[2];
    where.getLocationInWindow(place);
    int changed = 0;
    for (int y = place[1]; y < Math.min(place[1] + where.getHeight(), a.getHeight()); ++y) {
      for (int x = place[0]; x < place[0] + where.getWidth(); ++x)
        changed += a.getPixel(x, y) != b.getPixel(x, y) ? 1 : 0;
    }
    return changed;
  }
}
