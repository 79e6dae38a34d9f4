#include "core/fast_cores.h"

#include <algorithm>
#include <thread>

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <string>
#endif

namespace tarn {

#ifdef __linux__

namespace {

// A file of one number; 0 where there is none.
int64_t read_number_file(const char* folder, int core, const char* name) {
  const std::string path = std::string(folder) + "/cpu" + std::to_string(core) + "/" + name;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[24];
  const ssize_t bytes = read(file, text, sizeof text);
  close(file);
  int64_t number = 0;
  if (bytes > 0) std::from_chars(text, text + bytes, number);
  return number;
}

FastCores allowed_cores() {
  FastCores cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  cores.count = 0;
  for (int core = 0; core < FastCores::kMost; ++core) {
    if (!CPU_ISSET(core, &set)) continue;
    ++cores.count;
    cores.mask[core / 64] |= uint64_t{1} << (core % 64);
  }
  return cores;
}

}  // namespace

FastCores internal::find_fast_cores(const char* folder, const FastCores& allowed) {
  for (const char* measure : {"cpu_capacity", "cpufreq/cpuinfo_max_freq"}) {
    int64_t speeds[FastCores::kMost] = {}, fastest = 0;
    bool all_known = true;
    for (int core = 0; core < FastCores::kMost && all_known; ++core) {
      if (!allowed.has(core)) continue;
      speeds[core] = read_number_file(folder, core, measure);
      fastest = std::max(fastest, speeds[core]);
      all_known = speeds[core] > 0;
    }
    if (!all_known || fastest == 0) continue;
    FastCores fast;
    fast.count = 0;
    for (int core = 0; core < FastCores::kMost; ++core) {
      if (speeds[core] * 3 < fastest * 2 || !allowed.has(core)) continue;
      ++fast.count;
      fast.mask[core / 64] |= uint64_t{1} << (core % 64);
    }
    fast.are_some = fast.count < allowed.count;
    return fast;
  }
  return allowed;
}

const FastCores& fast_cores() {
  static const FastCores cores = internal::find_fast_cores("/sys/devices/system/cpu", allowed_cores());
  return cores;
}

void keep_to(const FastCores& cores) {
  cpu_set_t set;
  static_assert(sizeof set == sizeof cores.mask);
  std::memcpy(&set, cores.mask, sizeof set);
  sched_setaffinity(0, sizeof set, &set);
}

#else

const FastCores& fast_cores() {
  static const FastCores cores{.count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()))};
  return cores;
}

void keep_to(const FastCores&) {}

#endif

}  // namespace tarn
