package org.tarn;

import java.io.File;

/** The small graphs of tests/java/models, as the test script converted them. */
final class Models {
  private Models() {}

  static File file(String name) {
    return new File(System.getProperty("org.tarn.models"), name + ".pb");
  }
}
