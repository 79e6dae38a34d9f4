#include "core/fast_cores.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace tarn {
namespace {

// A folder as /sys/devices/system/cpu, with one number a core; 0: no file.
class Folder {
 public:
  Folder() { std::filesystem::remove_all(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder& write(const std::string& file, const std::vector<int>& numbers) {
    for (size_t core = 0; core < numbers.size(); ++core) {
      if (numbers[core] == 0) continue;
      const std::filesystem::path path = path_ / ("cpu" + std::to_string(core)) / file;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << numbers[core] << "\n";
    }
    return *this;
  }
  std::vector<int> fast(std::vector<int> allowed) const {
    FastCores cores;
    cores.count = static_cast<int>(allowed.size());
    for (int core : allowed) cores.mask[core / 64] |= uint64_t{1} << (core % 64);
    const FastCores found = internal::find_fast_cores(path_.c_str(), cores);
    std::vector<int> listed;
    for (int core = 0; core < FastCores::kMost; ++core) {
      if (found.has(core)) listed.push_back(core);
    }
    EXPECT_EQ(found.count, static_cast<int>(listed.size()));
    EXPECT_EQ(found.are_some, listed.size() < allowed.size());
    return listed;
  }

 private:
  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / ("fast_cores_" + std::to_string(getpid()));
};

TEST(FastCores, BigAndPrimeCoresOfAPhone) {
  // Snapdragon 865: four small, three big, one prime.
  Folder folder;
  folder.write("cpu_capacity", {250, 250, 250, 250, 870, 870, 870, 1024});
  EXPECT_EQ(folder.fast({0, 1, 2, 3, 4, 5, 6, 7}), (std::vector<int>{4, 5, 6, 7}));
  // An app in the background is kept to some: the fastest of those count.
  EXPECT_EQ(folder.fast({0, 1, 2, 3}), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(folder.fast({0, 1, 6}), std::vector<int>{6});
}

TEST(FastCores, ClocksWhereNoCapacityIsKnown) {
  Folder folder;
  folder.write("cpufreq/cpuinfo_max_freq", {1800000, 1800000, 2840000, 2840000});
  EXPECT_EQ(folder.fast({0, 1, 2, 3}), (std::vector<int>{2, 3}));
  folder.write("cpu_capacity", {1024, 1024, 1024, 0});  // not of all: of no use
  EXPECT_EQ(folder.fast({0, 1, 2, 3}), (std::vector<int>{2, 3}));
}

TEST(FastCores, AllWhereNothingIsKnownOrAllAreAlike) {
  Folder folder;
  EXPECT_EQ(folder.fast({0, 1, 70}), (std::vector<int>{0, 1, 70}));
  folder.write("cpufreq/cpuinfo_max_freq", {5000000, 5000000, 3800000, 3800000});  // a desktop's two kinds
  EXPECT_EQ(folder.fast({0, 1, 2, 3}), (std::vector<int>{0, 1, 2, 3}));
}

TEST(FastCores, ThisMachineHasSomeAndAThreadKeepsToThem) {
  const FastCores& cores = fast_cores();
  ASSERT_GE(cores.count, 1);
  EXPECT_LE(cores.count, static_cast<int>(std::thread::hardware_concurrency()));
  std::thread([&] {
    FastCores one;
    for (int core = FastCores::kMost - 1; core >= 0; --core) {
      if (!cores.has(core)) continue;
      one.mask[core / 64] = uint64_t{1} << (core % 64);
      break;
    }
    keep_to(one);
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    EXPECT_EQ(CPU_COUNT(&set), 1);
  }).join();
}

}  // namespace
}  // namespace tarn
