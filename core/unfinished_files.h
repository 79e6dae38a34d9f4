// What a program that a signal ends has to take away: the temporary files that AtomicFile (core/file.h) is filling.
//
//   void on_signal(int) { remove_unfinished_files(); _exit(1); }
//
// Async-signal-safe; on any thread.
#pragma once

namespace tarn {

void remove_unfinished_files();

}  // namespace tarn
