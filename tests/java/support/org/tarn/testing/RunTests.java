package org.tarn.testing;

import org.junit.internal.TextListener;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Runs JUnit classes as JUnit's own program does, and says of each test that could not run why: that one is silent. */
public final class RunTests {
  private RunTests() {}

  public static void main(String[] names) throws ClassNotFoundException {
    JUnitCore core = new JUnitCore();
    core.addListener(new TextListener(System.out));
    core.addListener(new RunListener() {
      @Override
      public void testAssumptionFailure(Failure failure) {
        System.out.println("skipped: " + failure.getDescription() + ": " + failure.getMessage());
      }

      @Override
      public void testStarted(Description test) {
        System.out.println(" " + test);
      }
    });
    Class<?>[] classes = new Class<?>[ names.length ];
    for (int i = 0; i < names.length; ++i) classes[i] = Class.forName(names[i]);
    Result result = core.run(classes);
    System.exit(result.wasSuccessful() && result.getRunCount() > 0 ? 0 : 1);
  }
}
