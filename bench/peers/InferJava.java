import java.io.File;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * Times a frozen graph from Java, a batch of pictures as float[] in, scores as float[] out: Tarn's InferenceInterface,
 * or TensorFlow 1.15's Session as its Android class of the same methods used it. bench/java_peers.py starts it.
 *
 * <pre>java … InferJava tarn|tf GRAPH.pb THREADS SECONDS BATCH HEIGHT WIDTH CHANNELS</pre>
 *
 * Prints one line of JSON: the median and least of the calls, in ms, and the sum of the scores.
 */
public final class InferJava {
  private interface Runner {
    float[] run(float[] pixels);
  }

  private static Runner tarn(File graph, int threads, long[] dims) {
    org.tarn.InferenceInterface inference = new org.tarn.InferenceInterface(graph);
    inference.setThreads(threads);
    int classes = (int) inference.graphOperation("output_node").output(0).shape().size(1);
    float[] scores = new float[(int) dims[0] * classes];
    return pixels -> {
      inference.feed("input_node", pixels, dims);
      inference.run(new String[] {"output_node"});
      inference.fetch("output_node", scores);
      return scores;
    };
  }

  // A class of its own: TensorFlow's are loaded only where they are asked for.
  private static final class TensorFlow {
    static Runner runner(File file, int threads, long[] dims) throws Exception {
      org.tensorflow.Graph graph = new org.tensorflow.Graph();
      graph.importGraphDef(Files.readAllBytes(file.toPath()));
      // ConfigProto: intra_op_parallelism_threads (2) and inter_op_parallelism_threads (5).
      org.tensorflow.Session session = new org.tensorflow.Session(graph, new byte[] {0x10, (byte) threads, 0x28, 1});
      int classes = (int) graph.operation("output_node").output(0).shape().size(1);
      float[] scores = new float[(int) dims[0] * classes];
      return pixels -> {
        try (org.tensorflow.Tensor<Float> input = org.tensorflow.Tensor.create(dims, FloatBuffer.wrap(pixels));
             org.tensorflow.Tensor<?> output =
                 session.runner().feed("input_node", input).fetch("output_node").run().get(0)) {
          output.writeTo(FloatBuffer.wrap(scores));
          return scores;
        }
      };
    }
  }

  public static void main(String[] a) throws Exception {
    File graph = new File(a[1]);
    int threads = Integer.parseInt(a[2]);
    double seconds = Double.parseDouble(a[3]);
    long[] dims = new long[4];
    int count = 1;
    for (int d = 0; d < 4; ++d) count *= (int) (dims[d] = Long.parseLong(a[4 + d]));
    Random random = new Random(1);
    float[] pixels = new float[count];
    for (int i = 0; i < count; ++i) pixels[i] = random.nextFloat();

    long begin = System.nanoTime();
    Runner runner = a[0].equals("tf") ? TensorFlow.runner(graph, threads, dims) : tarn(graph, threads, dims);
    double sum = 0;
    for (float score : runner.run(pixels)) sum += score;
    double first = (System.nanoTime() - begin) / 1e6;

    for (long end = System.nanoTime() + (long) (seconds / 3 * 1e9); System.nanoTime() < end;) runner.run(pixels);
    double[] times = new double[1 << 20];
    int n = 0;
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (n < 5 || (System.nanoTime() < end && n < times.length)) {
      long start = System.nanoTime();
      runner.run(pixels);
      times[n++] = (System.nanoTime() - start) / 1e6;
    }
    times = Arrays.copyOf(times, n);
    Arrays.sort(times);
    System.out.printf(Locale.ROOT,
        "{\"peer\": \"%s\", \"threads\": %d, \"n\": %d, \"median_ms\": %.4f, \"min_ms\": %.4f, \"first_ms\": %.1f, \"sum\": %.6f}%n",
        a[0], threads, n, times[n / 2], times[0], first, sum);
    System.exit(0);
  }
}
