package org.tarn;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Test;

public class EngineTest {
  private static final File SUMS = Models.file("sums");

  @Test
  public void tellsInputsAndOutputs() {
    try (Engine engine = Engine.load(SUMS)) {
      assertEquals(2, engine.inputs().size());
      assertEquals("a float[?,2]", engine.inputs().get(0).toString());
      assertEquals("b float[1,2]", engine.inputs().get(1).toString());
      assertEquals("[left float[?,1], right float[?,1], fixed float[1,2]]", engine.outputs().toString());
      assertEquals(-1, engine.inputs().get(0).elementCount());
      assertEquals(2, engine.outputs().get(2).elementCount());
      assertTrue(engine.toString().contains("inputs: a float[?,2], b float[1,2], outputs: left"));
    }
  }

  @Test
  public void runsWithArrays() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[] {1, 2, 3, 4}, 2, 2);
      engine.setInput("b", new float[] {10, 20});
      engine.run();

      float[] left = new float[5];
      assertEquals(2, engine.output("left", left));
      assertArrayEquals(new float[] {11, 13, 0, 0, 0}, left, 0);
      assertArrayEquals(new long[] {2, 1}, engine.outputShape("right"));
      assertEquals(24, engine.output("right").getFloat(4), 0);
    }
  }

  @Test
  public void oneOpenDimensionFollowsFromTheElements() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[6]);
      engine.setInput("b", new float[2]);
      engine.run();
      assertArrayEquals(new long[] {3, 1}, engine.outputShape("left"));
    }
  }

  @Test
  public void itsInputBuffersAreTheInputs() {
    try (Engine engine = Engine.load(SUMS)) {
      FloatBuffer a = engine.input("a", 1, 2).asFloatBuffer();
      FloatBuffer b = engine.input("b").asFloatBuffer();
      float[] left = new float[1];
      for (int i = 0; i < 3; ++i) { // written again and again, never set again
        a.put(0, i);
        b.put(0, 100 * i);
        engine.run();
        engine.output("left", left);
        assertEquals(101 * i, left[0], 0);
      }
    }
  }

  @Test
  public void directBuffersAreLookedAtInPlaceFromTheirPosition() {
    try (Engine engine = Engine.load(SUMS)) {
      FloatBuffer values = ByteBuffer.allocateDirect(32).order(ByteOrder.nativeOrder()).asFloatBuffer();
      values.put(3, 7).position(3).limit(5);
      engine.setInput("a", values, 1, 2);
      engine.setInput("b", new float[2]);
      engine.run();
      assertEquals(7, engine.output("left").getFloat(0), 0);

      values.put(3, 8);
      engine.run();

      assertEquals(8, engine.output("left").getFloat(0), 0);
    }
  }

  @Test
  public void buffersInAnotherByteOrderAreCopied() {
    ByteOrder other = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
    FloatBuffer values = ByteBuffer.allocateDirect(8).order(other).asFloatBuffer();
    values.put(0, 3).put(1, 4);
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", values, 1, 2);
      engine.setInput("b", new float[2]);
      engine.run();
      assertEquals(3, engine.output("left").getFloat(0), 0);
      assertEquals(4, engine.output("right").getFloat(0), 0);
    }
  }

  @Test
  public void outputsStayInOneBuffer() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[2]);
      FloatBuffer b = engine.input("b").asFloatBuffer();
      b.put(0, 1);
      engine.run();
      ByteBuffer first = engine.output("fixed");
      assertEquals(10, first.getFloat(0), 0);

      b.put(0, 2);
      engine.run();
      ByteBuffer second = engine.output("fixed");

      assertEquals(20, second.getFloat(0), 0);
      assertEquals(20, first.getFloat(0), 0);
      assertEquals(Native.address(first), Native.address(second));
      assertEquals(0, Native.address(first) % 64);
    }
  }

  @Test
  public void outputsStayReadableWhileTheNextInputIsSet() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[] {1, 2}, 1, 2);
      engine.setInput("b", new float[] {3, 4});
      for (int rows = 1; rows < 4; ++rows) {
        engine.run();
        assertEquals(30, engine.output("fixed").getFloat(0), 0);
        engine.setInput("a", new float[2 * rows], rows, 2);
        assertEquals(30, engine.output("fixed").getFloat(0), 0);
        assertEquals(40, engine.output("fixed").getFloat(4), 0);
      }
    }
  }

  @Test
  public void aBoundBufferGetsTheOutput() {
    try (Engine engine = Engine.load(SUMS)) {
      ByteBuffer mine = Engine.allocate(8);
      engine.setInput("a", new float[2]);
      engine.setInput("b", new float[] {1, 2});
      engine.bindOutput("fixed", mine);
      engine.run();
      assertEquals(10, mine.getFloat(0), 0);
      assertEquals(20, mine.getFloat(4), 0);

      engine.bindOutput("fixed", null);
      engine.setInput("b", new float[] {3, 4});
      engine.run();

      assertEquals(10, mine.getFloat(0), 0);
      assertEquals(30, engine.output("fixed").getFloat(0), 0);
    }
  }

  @Test
  public void aBoundBufferOfAnotherSizeIsAnError() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[4]);
      engine.setInput("b", new float[2]);
      engine.bindOutput("left", Engine.allocate(4));
      TarnException e = assertThrows(TarnException.class, engine::run);
      assertTrue(e.getMessage(), e.getMessage().contains("left"));

      engine.bindOutput("left", Engine.allocate(8));
      engine.run();
    }
  }

  @Test
  public void sizesMayChangeFromRunToRun() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("b", new float[] {1, 1});
      Random random = new Random(1);
      for (int i = 0; i < 50; ++i) {
        int rows = random.nextInt(40);
        float[] a = new float[2 * rows];
        for (int j = 0; j < a.length; ++j) a[j] = i + j;
        engine.setInput("a", a, rows, 2);
        engine.run();
        float[] left = new float[rows];
        assertEquals(rows, engine.output("left", left));
        for (int row = 0; row < rows; ++row) assertEquals(i + 2 * row + 1, left[row], 0);
        assertEquals(10, engine.output("fixed").getFloat(0), 0);
      }
    }
  }

  @Test
  public void takesEveryTypeThatJavaHas() {
    try (Engine engine = Engine.load(Models.file("types"))) {
      engine.setInput("f64", new double[] {1.5, -2});
      engine.setInput("i32", new int[] {7});
      engine.setInput("i64", new long[] {1L << 40});
      engine.setInput("u8", new byte[] {(byte) 200, 3});
      engine.setInput("flag", new byte[] {1, 0});
      byte[] odd = {0, (byte) 0xff, 'x', 0};
      engine.setStrings("text", new byte[][] {odd, {}, "grüße".getBytes(StandardCharsets.UTF_8)});
      engine.setStrings("word", new byte[][] {"one".getBytes(StandardCharsets.UTF_8)});
      engine.run();

      double[] f64 = new double[2];
      engine.output("f64_out", f64);
      assertArrayEquals(new double[] {3, -4}, f64, 0);
      int[] i32 = new int[1];
      engine.output("i32_out", i32);
      assertEquals(14, i32[0]);
      long[] i64 = new long[1];
      engine.output("i64_out", i64);
      assertEquals(1L << 41, i64[0]);
      byte[] bytes = new byte[2];
      engine.output("u8_out", bytes);
      assertArrayEquals(new byte[] {(byte) 200, 3}, bytes);
      engine.output("flag_out", bytes);
      assertArrayEquals(new byte[] {0, 1}, bytes);
      byte[][] text = engine.outputStrings("text_out");
      assertEquals(3, text.length);
      assertArrayEquals(odd, text[0]);
      assertEquals(0, text[1].length);
      assertEquals("grüße", new String(text[2], StandardCharsets.UTF_8));
      assertEquals("one", new String(engine.outputStrings("word_out")[0], StandardCharsets.UTF_8));
    }
  }

  @Test
  public void anUnknownNameListsTheNames() {
    try (Engine engine = Engine.load(SUMS)) {
      TarnException e = assertThrows(TarnException.class, () -> engine.setInput("aa", new float[2]));
      assertEquals(TarnException.Code.NOT_FOUND, e.code());
      assertTrue(e.getMessage(), e.getMessage().contains("did you mean 'a'"));
      assertTrue(e.getMessage(), e.getMessage().contains("'b'"));
      engine.setInput("a", new float[2]);
      engine.setInput("b", new float[2]);
      engine.run();
      e = assertThrows(TarnException.class, () -> engine.output("lefd"));
      assertTrue(e.getMessage(), e.getMessage().contains("did you mean 'left'"));
    }
  }

  @Test
  public void whatDoesNotFitNamesBothSides() {
    try (Engine engine = Engine.load(SUMS)) {
      String message = assertThrows(TarnException.class, () -> engine.setInput("a", new int[2])).getMessage();
      assertTrue(message, message.contains("'a'") && message.contains("float") && message.contains("IntBuffer"));
      message = assertThrows(TarnException.class, () -> engine.setInput("a", new float[3], 2, 2)).getMessage();
      assertTrue(message, message.contains("[2,2]") && message.contains("16 bytes") && message.contains("12"));
      message = assertThrows(TarnException.class, () -> engine.setInput("b", new float[6], 3, 2)).getMessage();
      assertTrue(message, message.contains("b") && message.contains("3,2"));
      assertThrows(TarnException.class, () -> engine.setInput("a", new float[2], -1, 2));
      assertThrows(TarnException.class, () -> engine.input("a", 1L << 40, 1L << 40));
      assertThrows(TarnException.class, () -> engine.input("a", 1L << 30, 2));
      message = assertThrows(TarnException.class, engine::run).getMessage();
      assertTrue(message, message.contains("'a'"));
      message = assertThrows(TarnException.class, () -> engine.output("left")).getMessage();
      assertTrue(message, message.contains("run()"));
      engine.setInput("a", new float[2]);
      engine.setInput("b", new float[2]);
      engine.run();
      message = assertThrows(TarnException.class, () -> engine.output("fixed", new float[1])).getMessage();
      assertTrue(message, message.contains("2") && message.contains("1"));
      message = assertThrows(TarnException.class, () -> engine.output("fixed", new int[2])).getMessage();
      assertTrue(message, message.contains("float") && message.contains("int32"));
    }
  }

  @Test
  public void filesThatAreNoModelsAreErrorsThatNameThem() throws IOException {
    File none = new File("/nowhere/none.pb");
    assertTrue(assertThrows(TarnException.class, () -> Engine.load(none)).getMessage().contains("none.pb"));
    File text = File.createTempFile("tarn", ".pb");
    Files.write(text.toPath(), "this is no model".getBytes(StandardCharsets.UTF_8));
    assertTrue(assertThrows(TarnException.class, () -> Engine.load(text)).getMessage().contains(text.getName()));
    assertTrue(text.delete());
    assertThrows(TarnException.class, () -> Engine.load(ByteBuffer.allocateDirect(0)));
    byte[] bytes = Files.readAllBytes(SUMS.toPath());
    for (int length = 0; length < bytes.length; length += 7) { // cut anywhere: an exception or a smaller model
      try (Engine engine = Engine.load(ByteBuffer.wrap(bytes, 0, length))) {
        assertFalse(engine.outputs().isEmpty());
      } catch (TarnException e) {
        assertFalse(e.getMessage().isEmpty());
      }
    }
  }

  @Test
  public void loadsFromBuffersStreamsAndParts() throws IOException {
    byte[] bytes = Files.readAllBytes(SUMS.toPath());
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length + 3);
    direct.position(3);
    direct.put(bytes).flip().position(3);
    for (Engine engine : new Engine[] {Engine.load(direct), Engine.load(ByteBuffer.wrap(bytes))}) {
      assertEquals(2, engine.inputs().size());
      engine.close();
    }
    try (Model model = Model.load(new ByteArrayInputStream(bytes)); Engine engine = model.newEngine()) {
      assertEquals(bytes.length, model.byteSize());
      assertEquals("Add", model.opOf("sum"));
      assertNull(model.opOf("none"));
      assertEquals(Arrays.asList("a", "b", "sum"), model.nodes().subList(0, 3));
      assertEquals(3, engine.outputs().size());
    }
  }

  @Test
  public void anyTensorsCanBeInputsAndOutputs() {
    try (Engine engine = Engine.load(SUMS, new Engine.Options().inputs("sum").outputs("halves:1"))) {
      engine.setInput("sum", new float[] {5, 6}, 1, 2);
      engine.run();
      assertEquals(6, engine.output("halves:1").getFloat(0), 0);
    }
    TarnException e = assertThrows(TarnException.class, () -> Engine.load(SUMS, new Engine.Options().outputs("som")));
    assertTrue(e.getMessage(), e.getMessage().contains("did you mean 'sum'"));
  }

  @Test
  public void aClosedEngineThrowsAndItsBuffersLive() {
    Engine engine = Engine.load(SUMS);
    ByteBuffer b = engine.input("b");
    engine.setInput("a", new float[2]);
    engine.run();
    ByteBuffer fixed = engine.output("fixed");
    engine.close();
    engine.close();

    for (int i = 0; i < 2; ++i) {
      TarnException e = assertThrows(TarnException.class, engine::run);
      assertEquals(TarnException.Code.FAILED_PRECONDITION, e.code());
      assertTrue(e.getMessage(), e.getMessage().contains("closed"));
    }
    assertThrows(TarnException.class, () -> engine.output("fixed"));
    assertThrows(TarnException.class, () -> engine.setInput("a", new float[2]));
    assertThrows(TarnException.class, engine::copy);
    assertThrows(TarnException.class, engine::selfTest);
    assertEquals(2, engine.inputs().size());
    engine.cancel();
    b.putFloat(0, 1);
    assertEquals(0, fixed.getFloat(0), 0);
  }

  @Test
  public void aCopyHasInputsAndOutputsOfItsOwn() {
    try (Engine first = Engine.load(SUMS); Engine second = first.copy()) {
      for (Engine engine : new Engine[] {first, second}) {
        engine.setInput("a", new float[2]);
        engine.setInput("b", new float[] {engine == first ? 1 : 2, 0});
      }
      first.run();
      second.run();
      assertEquals(1, first.output("left").getFloat(0), 0);
      assertEquals(2, second.output("left").getFloat(0), 0);
    }
  }

  @Test
  public void enginesOutliveTheirModel() {
    Model model = Model.load(SUMS);
    Engine engine = model.newEngine();
    model.close();
    model.close();
    assertThrows(TarnException.class, model::newEngine);
    engine.setInput("a", new float[2]);
    engine.setInput("b", new float[2]);
    engine.run();
    engine.close();
  }

  @Test
  public void cancelEndsARunInAnotherThread() throws Exception {
    try (Engine engine = Engine.load(Models.file("long"))) {
      TarnException e = stopped(engine, engine::cancel);
      assertEquals(TarnException.Code.CANCELLED, e.code());

      engine.setInput("n", new int[] {3}); // and it goes on
      engine.run();
      assertEquals(3, engine.output("i_exit").getInt(0));
    }
  }

  @Test
  public void closeEndsARunInAnotherThread() throws Exception {
    Engine engine = Engine.load(Models.file("long"));
    TarnException e = stopped(engine, engine::close);
    assertNotEquals(null, e);
    assertThrows(TarnException.class, engine::run);
  }

  private static TarnException stopped(Engine engine, Runnable stop) throws Exception {
    engine.setInput("n", new int[] {Integer.MAX_VALUE});
    AtomicReference<TarnException> thrown = new AtomicReference<>();
    CountDownLatch begun = new CountDownLatch(1);
    Thread runner = new Thread(() -> {
      begun.countDown();
      try {
        engine.run();
      } catch (TarnException e) {
        thrown.set(e);
      }
    });
    runner.start();
    begun.await();
    Thread.sleep(50);
    stop.run();
    runner.join();
    assertTrue("it ran to its end", thrown.get() != null);
    return thrown.get();
  }

  @Test
  public void aDeadlineEndsARun() {
    try (Engine engine = Engine.load(Models.file("long"), new Engine.Options().deadlineMillis(20))) {
      engine.setInput("n", new int[] {Integer.MAX_VALUE});
      TarnException e = assertThrows(TarnException.class, engine::run);
      assertEquals(TarnException.Code.DEADLINE_EXCEEDED, e.code());
      engine.setInput("n", new int[] {3});
      engine.setDeadlineMillis(0);
      engine.run();
      assertEquals(3, engine.output("i_exit").getInt(0));
    }
  }

  @Test
  public void manyIterationsAreLimited() {
    try (Engine engine = Engine.load(Models.file("long"), new Engine.Options().mostIterations(100))) {
      engine.setInput("n", new int[] {1000});
      TarnException e = assertThrows(TarnException.class, engine::run);
      assertEquals(e.getMessage(), TarnException.Code.RESOURCE_EXHAUSTED, e.code());
    }
  }

  @Test
  public void threadsAreOptions() {
    try (Engine engine = Engine.load(SUMS, new Engine.Options().threads(2))) {
      assertEquals(2, engine.threads());
      engine.setThreads(1);
      assertEquals(1, engine.threads());
      engine.setThreads(0);
      assertEquals(Runtime.getRuntime().availableProcessors(), engine.threads());
      assertThrows(TarnException.class, () -> engine.setThreads(100000));
    }
  }

  @Test
  public void manyThreadsShareAnEngineAndCopies() throws Exception {
    try (Engine shared = Engine.load(SUMS)) {
      shared.setInput("a", new float[2]);
      shared.setInput("b", new float[] {1, 2});
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread[] threads = new Thread[6];
      for (int t = 0; t < threads.length; ++t) {
        float own = t;
        threads[t] = new Thread(() -> {
          try (Engine copy = shared.copy()) {
            copy.setInput("a", new float[] {own, own});
            copy.setInput("b", new float[2]);
            for (int i = 0; i < 300; ++i) {
              copy.run();
              assertEquals(own, copy.output("right").getFloat(0), 0);
              shared.run();
              assertEquals(10, shared.output("fixed").getFloat(0), 0);
            }
          } catch (Throwable e) {
            failure.set(e);
          }
        });
        threads[t].start();
      }
      for (Thread thread : threads) thread.join();
      if (failure.get() != null) throw new AssertionError(failure.get());
    }
  }

  @Test
  public void eightThreadsRunWhileOneCloses() throws Exception {
    for (int round = 0; round < 20; ++round) {
      Engine engine = Engine.load(SUMS);
      engine.setInput("a", new float[2]);
      engine.setInput("b", new float[2]);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread[] threads = new Thread[8];
      for (int t = 0; t < threads.length; ++t) {
        threads[t] = new Thread(() -> {
          try {
            while (true) {
              engine.run();
              engine.output("fixed");
            }
          } catch (TarnException e) {
            if (e.getMessage().isEmpty()) failure.set(e);
          } catch (Throwable e) {
            failure.set(e);
          }
        });
        threads[t].start();
      }
      Thread.sleep(5);
      engine.close();
      for (Thread thread : threads) thread.join();
      if (failure.get() != null) throw new AssertionError(failure.get());
    }
  }

  @Test
  public void nullsAreExceptions() {
    assertThrows(RuntimeException.class, () -> Engine.load((File) null));
    assertThrows(RuntimeException.class, () -> Engine.load((ByteBuffer) null));
    try (Engine engine = Engine.load(Models.file("types"))) {
      assertThrows(RuntimeException.class, () -> engine.setInput(null, new float[1]));
      assertThrows(RuntimeException.class, () -> engine.setInput("f64", (double[]) null));
      assertThrows(RuntimeException.class, () -> engine.setInput("f64", (FloatBuffer) null));
      assertThrows(RuntimeException.class, () -> engine.setInput("f64", new double[1], (long[]) null));
      assertThrows(RuntimeException.class, () -> engine.setStrings("text", null));
      assertThrows(RuntimeException.class, () -> engine.setStrings("text", new byte[][] {{1}, null}));
      assertThrows(RuntimeException.class, () -> engine.output(null));
      assertThrows(RuntimeException.class, () -> engine.bindOutput("f64_out", ByteBuffer.allocate(8)));
      assertThrows(RuntimeException.class, () -> engine.setInput("f64", ByteBuffer.allocate(7)));
    }
    try (Model model = Model.load(SUMS)) {
      assertNull(model.metadata(null));
      assertNull(model.opOf(null));
    }
  }

  @Test
  public void manyStringsCross() {
    byte[][] many = new byte[100_000][];
    for (int i = 0; i < many.length; ++i) many[i] = Integer.toString(i).getBytes(StandardCharsets.UTF_8);
    try (Engine engine = Engine.load(Models.file("types"), new Engine.Options().inputs("text").outputs("text_out"))) {
      engine.setStrings("text", many);
      engine.run();
      byte[][] back = engine.outputStrings("text_out");
      assertEquals(many.length, back.length);
      assertArrayEquals(many[99_999], back[99_999]);
    }
  }

  @Test
  public void aProfileNamesTheNodes() {
    try (Engine engine = Engine.load(SUMS)) {
      engine.setInput("a", new float[2]);
      engine.setInput("b", new float[2]);
      engine.startProfile();
      engine.run();
      assertTrue(engine.profile(), engine.profile().contains("Add"));
      engine.stopProfile();
    }
  }

  @Test
  public void aModelWithoutAStoredTestSaysSo() {
    try (Engine engine = Engine.load(SUMS)) {
      assertFalse(engine.selfTest());
    }
  }

  @Test
  public void metadataThatIsNotToldIsNull() {
    try (Model model = Model.load(SUMS)) {
      assertNull(model.metadata("labels"));
      assertTrue(model.metadata().isEmpty());
    }
  }

  @Test
  public void buffersAreFromTheSameVersion() {
    assertTrue(Engine.version().matches("\\d+\\.\\d+\\.\\d+"));
    assertSame(ByteOrder.nativeOrder(), Engine.allocate(4).order());
  }
}
