package org.tarn.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.Intent;
import android.graphics.drawable.BitmapDrawable;
import android.net.Uri;
import android.os.Looper;
import android.provider.MediaStore;
import android.widget.ImageView;
import android.widget.TextView;
import java.io.File;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class PhotoActivityTest {
  @Test
  public void classifiesThePickedPhoto() throws Exception {
    assumeTrue("TARN_DATA is not there", hasModel());
    PhotoActivity activity = open();

    activity.findViewById(R.id.pick).performClick();
    Intent asked = shadowOf(activity).getNextStartedActivity();
    assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.getAction());
    File photo = new File(System.getenv("TARN_DATA"), "images/grace_hopper.jpg");
    shadowOf(activity).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(Uri.fromFile(photo)));
    settle(activity);

    String[] lines = text(activity, R.id.labels).split("\n");
    assertEquals(text(activity, R.id.labels), 3, lines.length);
    assertTrue(lines[0], lines[0].startsWith("bow tie  ")); // so says this smallest of MobileNets
    assertTrue(lines[0], lines[0].endsWith(" %"));
    assertTrue(text(activity, R.id.latency).endsWith(" ms"));
    ImageView picture = activity.findViewById(R.id.picture);
    assertTrue(((BitmapDrawable) picture.getDrawable()).getBitmap().getWidth() > 100);
  }

  @Test
  public void aPhotoThatCannotBeReadIsSaid() throws Exception {
    assumeTrue("TARN_DATA is not there", hasModel());
    PhotoActivity activity = open();
    activity.findViewById(R.id.pick).performClick();
    Intent asked = shadowOf(activity).getNextStartedActivity();
    File none = new File("/nowhere/none.jpg");
    shadowOf(activity).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(Uri.fromFile(none)));
    settle(activity);

    assertTrue(text(activity, R.id.labels).startsWith("That photo cannot be read"));
  }

  @Test
  public void leavingThePickerChangesNothing() throws Exception {
    PhotoActivity activity = open();
    String before = text(activity, R.id.labels);
    activity.findViewById(R.id.pick).performClick();
    Intent asked = shadowOf(activity).getNextStartedActivity();
    shadowOf(activity).receiveResult(asked, Activity.RESULT_CANCELED, null);
    settle(activity);

    assertEquals(before, text(activity, R.id.labels));
  }

  @Test
  public void takesTheMiddleSquare() {
    int[] wide = new int[6 * 2]; // the middle 2×2 is white
    for (int y = 0; y < 2; ++y) wide[6 * y + 2] = wide[6 * y + 3] = 0xffffffff;
    float[] input = PhotoInput.of(wide, 6, 2, 2, new Normalization(null, null, null));
    for (float value : input) assertEquals(1, value, 0);
  }

  @Test
  public void shrinkingTakesTheMeanOfEveryPixel() {
    int[] pixels = new int[4 * 4];
    for (int i = 0; i < 16; ++i) pixels[i] = 0xff000000 | i << 16 | 2 * i << 8 | 3 * i;
    float[] input = PhotoInput.of(pixels, 4, 4, 2, new Normalization("0", "1", null));
    // The upper left quarter has 0, 1, 4, 5.
    assertArrayEquals(
        new float[] {3, 5, 8}, new float[] {input[0], input[1], input[2]}, 0); // 2.5 is rounded up, 7.5 too
  }

  @Test
  public void normalizesByChannelOrRange() {
    assertEquals(-1, new Normalization("127.5", "127.5", null).apply(0, 2), 0);
    assertEquals(2, new Normalization("1,2,3", "1,1,2", null).apply(7, 2), 0);
    assertEquals(-1, new Normalization(null, null, "-1,1").apply(0, 0), 1e-6);
    assertEquals(1, new Normalization(null, null, "-1,1").apply(255, 0), 1e-6);
    assertEquals(1, new Normalization(null, null, null).apply(255, 0), 0);
  }

  @Test
  public void theBestLabelsComeFirst() {
    Labels labels = new Labels("a\nb\r\nc");
    assertEquals("[c  50.0 %, class 3  30.0 %]", labels.top(new float[] {0, Float.NaN, 0.5f, 0.3f}, 2).toString());
    assertEquals(1, labels.top(new float[] {1}, 3).size());
  }

  private static boolean hasModel() throws IOException {
    String data = System.getenv("TARN_DATA");
    return data != null && new File(data, "models/mobilenet_v1_025_128/graph.pb").exists();
  }

  private static PhotoActivity open() throws Exception {
    PhotoActivity activity = Robolectric.buildActivity(PhotoActivity.class).setup().get();
    settle(activity);
    return activity;
  }

  private static void settle(PhotoActivity activity) throws Exception {
    shadowOf(Looper.getMainLooper()).idle();
    CountDownLatch done = new CountDownLatch(1);
    activity.worker.run(done::countDown);
    done.await();
    shadowOf(Looper.getMainLooper()).idle();
  }

  private static String text(PhotoActivity activity, int id) {
    return ((TextView) activity.findViewById(id)).getText().toString();
  }
}
