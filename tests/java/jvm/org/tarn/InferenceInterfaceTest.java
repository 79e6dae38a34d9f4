package org.tarn;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;

public class InferenceInterfaceTest {
  private TensorFlowInferenceInterface sums;

  private static TensorFlowInferenceInterface open(String name) throws Exception {
    try (InputStream stream = new FileInputStream(Models.file(name))) {
      return new TensorFlowInferenceInterface(stream);
    }
  }

  @Before
  public void openModel() throws Exception {
    sums = open("sums");
  }

  @After
  public void closeModel() {
    sums.close();
  }

  @Test
  public void feedsRunsAndFetches() {
    float[] left = new float[2];
    sums.feed("a", new float[] {1, 2, 3, 4}, 2, 2);
    sums.feed("b", new float[] {10, 20}, 1, 2);
    sums.run(new String[] {"left", "halves:1"});
    sums.fetch("left", left);
    assertArrayEquals(new float[] {11, 13}, left, 0);
    FloatBuffer right = FloatBuffer.allocate(5);
    sums.fetch("halves:1", right);
    assertEquals(2, right.position());
    assertEquals(24, right.get(1), 0);
    ByteBuffer bytes = ByteBuffer.allocate(8).order(java.nio.ByteOrder.nativeOrder());
    sums.fetch("left", bytes);
    assertEquals(13, bytes.getFloat(4), 0);
  }

  @Test
  public void innerTensorsAreFedAndFetchedToo() {
    float[] left = new float[1];
    sums.feed("sum", new float[] {5, 6}, 1, 2);
    sums.run(new String[] {"left"});
    sums.fetch("left", left);
    assertEquals(5, left[0], 0);
  }

  @Test
  public void aSourceThatIsLargerIsCut() {
    float[] left = new float[1];
    sums.feed("sum", new float[] {5, 6, 7, 8}, 1, 2);
    sums.run(new String[] {"left"});
    sums.fetch("left", left);
    assertEquals(5, left[0], 0);
    TarnException e = assertThrows(TarnException.class, () -> sums.feed("sum", new float[3], 2, 2));
    assertTrue(e.getMessage(), e.getMessage().contains("[2,2] has 4 elements, the source has 3"));
  }

  @Test
  public void whatWasFedIsForgottenAfterTheRun() {
    sums.feed("b", new float[2], 1, 2);
    sums.run(new String[] {"fixed"});
    TarnException e = assertThrows(TarnException.class, () -> sums.run(new String[] {"fixed"}));
    assertTrue(e.getMessage(), e.getMessage().contains("'b'"));
  }

  @Test
  public void onlyWhatTheRunMadeIsFetched() {
    sums.feed("b", new float[2], 1, 2);
    sums.run(new String[] {"fixed"});
    TarnException e = assertThrows(TarnException.class, () -> sums.fetch("left", new float[2]));
    assertTrue(e.getMessage(), e.getMessage().contains("was not provided to run(), so it cannot be read"));
    assertThrows(TarnException.class, () -> sums.fetch("fixed", new float[1]));
    assertThrows(TarnException.class, () -> sums.fetch("fixed", new int[2]));
    sums.fetch("fixed", new float[2]);
  }

  @Test
  public void typesMustBeTheGraphs() {
    sums.feed("b", new int[2], 1, 2);
    TarnException e = assertThrows(TarnException.class, () -> sums.run(new String[] {"fixed"}));
    assertTrue(e.getMessage(), e.getMessage().contains("float") && e.getMessage().contains("int32"));
  }

  @Test
  public void everyTypeIsFed() throws Exception {
    try (TensorFlowInferenceInterface types = open("types")) {
      types.feed("f64", new double[] {1.5}, 1);
      types.feed("i32", new int[] {3}, 1);
      types.feed("i64", new long[] {4}, 1);
      types.feed("u8", new byte[] {(byte) 250}, 1);
      types.feed("flag", new boolean[] {true, false}, 2);
      types.feedString("text", new byte[][] {{1}, {2, 0}});
      types.feedString("word", "w".getBytes(StandardCharsets.UTF_8));
      types.run(new String[] {"f64_out", "i32_out", "i64_out", "u8_out", "flag_out", "text_out", "word_out"});
      double[] f64 = new double[1];
      types.fetch("f64_out", f64);
      assertEquals(3, f64[0], 0);
      int[] i32 = new int[1];
      types.fetch("i32_out", i32);
      assertEquals(6, i32[0]);
      long[] i64 = new long[1];
      types.fetch("i64_out", i64);
      assertEquals(8, i64[0]);
      byte[] u8 = new byte[1];
      types.fetch("u8_out", u8);
      assertEquals((byte) 250, u8[0]);
      byte[] flag = new byte[2];
      types.fetch("flag_out", flag);
      assertArrayEquals(new byte[] {0, 1}, flag);
      assertArrayEquals(new byte[] {2, 0}, types.fetchStrings("text_out")[1]);
      assertArrayEquals(new byte[] {'w'}, types.fetchStrings("word_out")[0]);
    }
  }

  @Test
  public void theGraphIsAskedAsTensorFlows() {
    Operation operation = sums.graphOperation("sum");
    assertEquals("Add", operation.type());
    assertEquals(2, operation.output(0).shape().numDimensions());
    assertEquals(-1, operation.output(0).shape().size(0));
    assertEquals(2, operation.output(0).shape().size(1));
    assertEquals(DType.FLOAT, operation.output(0).dataType());
    assertEquals(1, sums.graphOperation("halves").output(1).shape().size(1));
    assertEquals(2, sums.graphOperation("b").output(0).shape().size(1));
    assertNull(sums.graph().operation("none"));
    RuntimeException e = assertThrows(RuntimeException.class, () -> sums.graphOperation("sun"));
    assertTrue(e.getMessage(), e.getMessage().startsWith("Node 'sun' does not exist in model"));
    assertTrue(e.getMessage(), e.getMessage().contains("'sum'"));
    int count = 0;
    for (Iterator<Operation> all = sums.graph().operations(); all.hasNext(); all.next()) ++count;
    assertEquals(9, count);
  }

  @Test
  public void statsAreThereWhenAskedFor() {
    assertEquals("", sums.getStatString());
    sums.feed("b", new float[2], 1, 2);
    sums.run(new String[] {"fixed"}, true);
    assertTrue(sums.getStatString(), sums.getStatString().contains("Mul"));
  }

  @Test
  public void theOldestNamesWork() {
    sums.fillNodeFloat("a", new int[] {2, 2}, new float[] {1, 2, 3, 4});
    sums.fillNodeFromFloatBuffer("b", IntBuffer.wrap(new int[] {1, 2}), FloatBuffer.wrap(new float[] {10, 20}));
    assertEquals(0, sums.runInference(new String[] {"left"}));
    float[] left = new float[2];
    assertEquals(0, sums.readNodeFloat("left", left));
    assertArrayEquals(new float[] {11, 13}, left, 0);
    assertEquals(-1, sums.readNodeFloat("right", left));
    assertTrue(sums.lastError(), sums.lastError().contains("right"));
    assertEquals(-1, sums.runInference(new String[] {"lefd"}));
    assertTrue(sums.lastError(), sums.lastError().contains("left"));
    sums.enableStatLogging(true);
    sums.fillNodeFloat("b", new int[] {1, 2}, new float[2]);
    assertEquals(0, sums.runInference(new String[] {"fixed"}));
    assertTrue(sums.getStatString().contains("Mul"));
  }

  @Test
  public void manySetsOfOutputsAreServed() {
    String[][] sets = {{"left"}, {"right"}, {"left", "right"}, {"right", "left"}, {"sum"}, {"halves"}, {"left"}};
    for (int round = 0; round < 3; ++round) {
      for (String[] outputs : sets) {
        sums.feed("a", new float[] {round, 1}, 1, 2);
        sums.feed("b", new float[] {1, 1}, 1, 2);
        sums.run(outputs);
        float[] first = new float[2];
        sums.fetch(outputs[0], first);
        assertEquals(outputs[0].equals("right") ? 2 : round + 1, first[0], 0);
      }
    }
  }

  @Test
  public void closedIsAnException() {
    sums.close();
    sums.close();
    assertThrows(TarnException.class, () -> sums.run(new String[] {"left"}));
    assertThrows(TarnException.class, () -> sums.feed("a", new float[2], 1, 2));
    assertThrows(TarnException.class, () -> sums.fetch("left", new float[2]));
    assertThrows(TarnException.class, () -> sums.graphOperation("sum"));
  }
}
