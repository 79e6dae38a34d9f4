package org.tarn.demo;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.view.View;
import android.widget.TextView;
import java.io.IOException;
import java.util.Locale;
import org.tarn.Model;
import org.tarn.TarnException;

/** Draw a digit: the bars say what it is while it is drawn. */
public final class DigitActivity extends Activity {
  static final String MODEL = "digits.pb";

  final Worker worker = new Worker();
  private DrawingView drawing;
  private BarsView bars;
  private TextView answer;
  private TextView latency;
  private Recognizer recognizer; // the worker's

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    setContentView(R.layout.digits);
    drawing = findViewById(R.id.drawing);
    bars = findViewById(R.id.bars);
    answer = findViewById(R.id.answer);
    latency = findViewById(R.id.latency);
    drawing.setListener(ink -> recognize(DigitImage.of(ink)));
    findViewById(R.id.clear).setOnClickListener(button -> drawing.clear());
    findViewById(R.id.photo).setOnClickListener(button -> startActivity(new Intent(this, PhotoActivity.class)));
    bars.show(null);
    worker.run(this::load);
  }

  private void load() {
    try (Model model = Model.load(getAssets(), MODEL)) {
      recognizer = new Recognizer(model, 1);
    } catch (IOException | RuntimeException e) {
      say(getString(R.string.no_model, MODEL, e.getMessage()));
    }
  }

  private void say(String text) {
    runOnUiThread(() -> answer.setText(text));
  }

  /** Null: nothing is drawn, so nothing is said. */
  private void recognize(float[] picture) {
    worker.replace(() -> picture == null || recognizer == null ? shown(null, 0) : classified(picture));
  }

  private Runnable classified(float[] picture) {
    try {
      float[] probabilities = recognizer.classify(picture);
      return shown(probabilities, recognizer.milliseconds());
    } catch (TarnException e) {
      say(e.getMessage());
      return shown(null, 0);
    }
  }

  private Runnable shown(float[] probabilities, double milliseconds) {
    return () -> {
      bars.show(probabilities);
      if (probabilities == null) {
        answer.setText(drawing.ink().isEmpty() ? getString(R.string.draw_a_digit) : answer.getText());
        latency.setText("");
        return;
      }
      answer.setText(Labels.DIGITS.top(probabilities, 1).get(0).label);
      latency.setText(String.format(Locale.getDefault(), getString(R.string.latency), milliseconds));
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
