package org.tarn.demo;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.widget.ImageView;
import android.widget.TextView;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.tarn.Model;

/** Picks a photo and says what is on it: the three best labels of the square in its middle. */
public final class PhotoActivity extends Activity {
  static final String MODEL = "classifier.pb";
  static final int PICK = 1;
  private static final int SHOWN_LABELS = 3;

  final Worker worker = new Worker();
  private ImageView photo;
  private TextView labels;
  private TextView latency;
  private Recognizer recognizer; // the worker's

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    setContentView(R.layout.photo);
    photo = findViewById(R.id.picture);
    labels = findViewById(R.id.labels);
    latency = findViewById(R.id.latency);
    findViewById(R.id.pick).setOnClickListener(button -> startActivityForResult(Photos.pickIntent(), PICK));
    worker.run(this::load);
  }

  private void load() {
    try (Model model = Model.load(getAssets(), MODEL)) {
      recognizer = new Recognizer(model, 0);
    } catch (IOException | RuntimeException e) {
      String text = getString(R.string.no_model, MODEL, e.getMessage());
      runOnUiThread(() -> labels.setText(text));
    }
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    super.onActivityResult(request, result, data);
    if (request == PICK && result == RESULT_OK && data != null && data.getData() != null) classify(data.getData());
  }

  private void classify(Uri uri) {
    worker.replace(() -> {
      try {
        return classified(Photos.load(PhotoActivity.this, uri));
      } catch (IOException | RuntimeException e) {
        return shown(null, getString(R.string.no_photo, e.getMessage()), "");
      }
    });
  }

  private Runnable classified(Bitmap bitmap) {
    if (recognizer == null) return shown(bitmap, labels.getText().toString(), "");
    int[] pixels = new int[bitmap.getWidth() * bitmap.getHeight()];
    bitmap.getPixels(pixels, 0, bitmap.getWidth(), 0, 0, bitmap.getWidth(), bitmap.getHeight());
    float[] input = PhotoInput.of(
        pixels, bitmap.getWidth(), bitmap.getHeight(), recognizer.inputSize(), recognizer.normalization());
    List<Labels.Score> top = recognizer.labels().top(recognizer.classify(input), SHOWN_LABELS);
    StringBuilder text = new StringBuilder();
    for (Labels.Score score : top) text.append(text.length() == 0 ? "" : "\n").append(score);
    return shown(bitmap, text.toString(),
        String.format(Locale.getDefault(), getString(R.string.latency), recognizer.milliseconds()));
  }

  private Runnable shown(final Bitmap bitmap, String text, final String time) {
    return () -> {
      if (bitmap != null) photo.setImageBitmap(bitmap);
      labels.setText(text);
      latency.setText(time);
    };
  }

  @Override
  protected void onDestroy() {
    worker.stop(() -> {
      if (recognizer != null) recognizer.close();
    });
    super.onDestroy();
  }
}
