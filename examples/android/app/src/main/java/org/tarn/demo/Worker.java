package org.tarn.demo;

import android.os.Handler;
import android.os.Looper;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One thread for what takes time, so that the screen never waits. Of tasks that are asked for faster than done, the
 * last one counts: those that have not begun are dropped.
 */
final class Worker {
  /** Runs on the worker's thread; what it gives runs on the main thread afterwards. */
  interface Task {
    Runnable run();
  }

  private final ExecutorService thread = Executors.newSingleThreadExecutor();
  private final Handler main = new Handler(Looper.getMainLooper());
  private Future<?> last;
  private int latest; // main thread

  /** In place of tasks given before that have not begun; of those that have, the result is dropped. */
  void replace(Task task) {
    if (thread.isShutdown()) return;
    if (last != null) last.cancel(false);
    int number = ++latest;
    last = thread.submit(() -> {
      Runnable result = task.run();
      main.post(() -> {
        if (number == latest) result.run();
      });
    });
  }

  /** Runs in order, whatever else was asked for. */
  void run(Runnable task) {
    if (!thread.isShutdown()) thread.execute(task);
  }

  /** No result comes any more; {@code last} runs after what is under way. */
  void stop(Runnable last) {
    ++latest;
    run(last);
    thread.shutdown();
  }
}
