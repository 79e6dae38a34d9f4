package org.tarn;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import org.junit.Test;

/** Opens and closes 1,000 times: the process has as much memory, as many mappings, files and threads as before. */
public class LeakTest {
  private static final int CYCLES = 1000;
  // Of all 1,000 cycles together: what the JVM's own compiler and collector take meanwhile. The Java heap is of fixed
  // size (jvm.sh).
  private static final long MOST_GROWTH = 4 << 20;
  private static final int MOST_NEW = 20; // jars and mappings of the JVM's own

  private interface Cycle {
    void run(int i) throws IOException;
  }

  @Test
  public void enginesOfAFile() throws Exception {
    check(i -> {
      try (Engine engine = Engine.load(Models.file("sums"), new Engine.Options().threads(1 + i % 2))) {
        runOnce(engine);
      }
    });
  }

  @Test
  public void enginesOfABufferAndCopies() throws Exception {
    byte[] bytes = Files.readAllBytes(Models.file("sums").toPath());
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length);
    direct.put(bytes);
    direct.flip();
    check(i -> {
      try (Engine engine = Engine.load(direct); Engine copy = engine.copy()) {
        runOnce(copy);
        runOnce(engine);
      }
    });
  }

  @Test
  public void inferenceInterfaces() throws Exception {
    check(i -> {
      try (InferenceInterface inference = new InferenceInterface(Models.file("sums"))) {
        inference.setThreads(1);
        inference.feed("b", new float[] {i, 2}, 1, 2);
        inference.run(new String[] {"fixed"});
        float[] fixed = new float[2];
        inference.fetch("fixed", fixed);
        assertEquals(10f * i, fixed[0], 0);
      }
    });
  }

  @Test
  public void failedLoads() throws Exception {
    File bad = File.createTempFile("tarn", ".pb");
    byte[] bytes = Files.readAllBytes(Models.file("sums").toPath());
    Files.write(bad.toPath(), java.util.Arrays.copyOf(bytes, bytes.length / 2 + 1));
    check(i -> {
      try (Engine engine = Engine.load(bad)) {
        throw new AssertionError("half a model loads: " + engine);
      } catch (TarnException e) {
        assertTrue(e.getMessage().contains(bad.getName()));
      }
    });
    assertTrue(bad.delete());
  }

  private static void runOnce(Engine engine) {
    engine.input("a", 1, 2).putFloat(0, 1);
    engine.input("b").putFloat(0, 2);
    engine.run();
    assertEquals(3, engine.output("left").getFloat(0), 0);
    assertEquals(20, engine.output("fixed").getFloat(0), 0);
  }

  private static void check(Cycle cycle) throws Exception {
    for (int i = 0; i < CYCLES / 5; ++i) cycle.run(i); // what is made once is made
    settle();
    long bytes = status("VmRSS");
    long threads = status("Threads");
    int files = new File("/proc/self/fd").list().length;
    int mappings = lines("/proc/self/maps");

    for (int i = 0; i < CYCLES; ++i) cycle.run(i);

    settle();
    long growth = status("VmRSS") - bytes;
    System.out.printf(
        "%d cycles: %d kB more, %d mappings more%n", CYCLES, growth >> 10, lines("/proc/self/maps") - mappings);
    assertTrue("open files", new File("/proc/self/fd").list().length <= files + MOST_NEW);
    assertTrue("threads", status("Threads") <= threads + MOST_NEW);
    assertTrue("mappings", lines("/proc/self/maps") <= mappings + MOST_NEW);
    assertTrue("grew by " + growth + " bytes", growth < MOST_GROWTH);
  }

  // Direct buffers and what the JVM keeps go with their garbage.
  private static void settle() throws Exception {
    for (int i = 0; i < 4; ++i) {
      System.gc();
      Thread.sleep(50);
    }
  }

  private static long status(String key) throws IOException {
    try (BufferedReader reader = new BufferedReader(new FileReader("/proc/self/status"))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (!line.startsWith(key + ":")) continue;
        long number = Long.parseLong(line.replaceAll("[^0-9]", ""));
        return line.endsWith("kB") ? number << 10 : number;
      }
    }
    throw new IOException("/proc/self/status has no " + key);
  }

  private static int lines(String path) throws IOException {
    return Files.readAllLines(new File(path).toPath()).size();
  }
}
