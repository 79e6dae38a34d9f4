package com.example;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import android.content.res.AssetManager;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import java.io.File;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class TensorFlowImageClassifierTest {
  private static final int SIZE = 128;

  @Test
  public void anOldAppsClassRunsWithItsImportsChanged() throws Exception {
    String data = System.getenv("TARN_DATA");
    assumeTrue("TARN_DATA is not there", data != null && new File(data, "images/grace_hopper.jpg").exists());
    AssetManager assets = RuntimeEnvironment.getApplication().getAssets();
    TensorFlowImageClassifier classifier = new TensorFlowImageClassifier(assets, "file:///android_asset/mobilenet.pb",
        "file:///android_asset/labels.txt", SIZE, 127.5f, 127.5f, "input", "MobilenetV1/Predictions/Reshape_1");
    assertEquals(1001, classifier.classes());

    Bitmap photo = BitmapFactory.decodeFile(new File(data, "images/grace_hopper.jpg").getPath());
    int side = Math.min(photo.getWidth(), photo.getHeight());
    Bitmap square =
        Bitmap.createBitmap(photo, (photo.getWidth() - side) / 2, (photo.getHeight() - side) / 2, side, side);
    int[] pixels = new int[SIZE * SIZE];
    Bitmap.createScaledBitmap(square, SIZE, SIZE, true).getPixels(pixels, 0, SIZE, 0, 0, SIZE, SIZE);
    for (boolean logStats : new boolean[] {false, true}) {
      List<TensorFlowImageClassifier.Recognition> best = classifier.recognizeImage(pixels, logStats);
      assertEquals("bow tie", best.get(0).title); // so says this smallest of MobileNets, in TensorFlow too
      assertEquals("suit", best.get(1).title);
      assertTrue(best.get(0).confidence > best.get(1).confidence);
    }
    assertTrue(classifier.getStatString().contains("Conv2D"));
    classifier.close();
  }
}
