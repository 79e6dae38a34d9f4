package org.tarn.testing;

import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.util.zip.GZIPInputStream;

/** MNIST's test digits out of $TARN_DATA/mnist. */
public final class Mnist {
  public final byte[][] images; // 784 pixels each, 0 paper, 255 ink
  public final int[] labels;

  private Mnist(byte[][] images, int[] labels) {
    this.images = images;
    this.labels = labels;
  }

  /** Null where they are not; tests then say so and are skipped. */
  public static Mnist load(int count) throws IOException {
    String data = System.getenv("TARN_DATA");
    if (data == null || !new File(data, "mnist").isDirectory()) return null;
    File folder = new File(data, "mnist");
    byte[][] images = new byte[count][28 * 28];
    int[] labels = new int[count];
    try (DataInputStream pixels = open(new File(folder, "t10k-images-idx3-ubyte.gz"), 16);
         DataInputStream classes = open(new File(folder, "t10k-labels-idx1-ubyte.gz"), 8)) {
      for (int i = 0; i < count; ++i) {
        pixels.readFully(images[i]);
        labels[i] = classes.readUnsignedByte();
      }
    }
    return new Mnist(images, labels);
  }

  private static DataInputStream open(File file, int headerBytes) throws IOException {
    DataInputStream stream = new DataInputStream(new GZIPInputStream(new FileInputStream(file)));
    stream.readFully(new byte[headerBytes]);
    return stream;
  }
}
