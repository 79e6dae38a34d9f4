// What a program that links the engine alone has in it: no protobuf, Boost or gflags (nor their libraries) and no
// gradient function. freeze_graph, which has them, shows that the same look would find them.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "core/backend_kernel.h"

namespace tarn {
namespace {

std::string binary(std::string_view name) {
  return std::string(TARN_BIN_DIR "/").append(name);
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  char part[4096];
  size_t size = 0;
  while (pipe != nullptr && (size = std::fread(part, 1, sizeof part, pipe.get())) > 0) text.append(part, size);
  return text;
}

std::string symbols_of(std::string_view name) {
  return output_of("nm -C --defined-only '" + binary(name) + "' 2>&1; nm -C -u '" + binary(name) + "' 2>&1");
}

int lines_with(const std::string& text, std::string_view part) {
  int count = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    count += std::string_view(text).substr(begin, end - begin).find(part) != std::string_view::npos;
    begin = end + 1;
  }
  return count;
}

std::string first_line_with(const std::string& text, std::string_view part) {
  size_t at = text.find(part);
  if (at == std::string::npos) return "";
  size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

// Parts of demangled names. GradContext is what every gradient function takes; ops_add and its like are where docs
// and gradients are tied to ops; Session and Scope are graph/. gflags keeps its flags in fLS, fLB …
constexpr std::string_view kForeign[] = {"google::protobuf", "tarn::pb::", "boost::",       "fLS::",      "leveldb",
                                         "GradContext",      "tarn::ops_", "tarn::Session", "tarn::Scope"};
constexpr std::string_view kLibraries[] = {"libprotobuf", "libboost", "libgflags", "libleveldb",
                                           "libdnnl",     "libpng",   "libjpeg",   "libre2"};

TEST(EngineBinary, HasNoProtobufBoostGflagsOrGradients) {
#ifdef TARN_SANITIZED
  GTEST_SKIP() << "sanitizers keep every global of a file, used or not";
#endif
  for (const char* name : {"freeze_and_run", "freeze_and_run_c"}) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(std::filesystem::exists(binary(name)));
    std::string symbols = symbols_of(name);
    EXPECT_GT(lines_with(symbols, "tarn::Engine::"), 5) << "nm read nothing";
    for (std::string_view foreign : kForeign) {
      EXPECT_EQ(lines_with(symbols, foreign), 0) << first_line_with(symbols, foreign);
    }

    std::string libraries = output_of("ldd '" + binary(name) + "' 2>&1");
    EXPECT_EQ(lines_with(libraries, "libc.so"), 1) << "ldd read nothing: " << libraries;
    for (std::string_view library : kLibraries) EXPECT_EQ(lines_with(libraries, library), 0) << libraries;
  }
}

// Lists and functions over what is in an unnamed namespace must be the file's own: GCC gives some of them (those over
// template template arguments) weak linkage, and then two files that use one name share whatever the linker saw first.
std::string shared_unnamed_symbols(const std::string& objects) {
  return output_of("nm --defined-only '" + objects + "' 2>&1 | awk '$2 ~ /^[uVvWw]$/ && /_GLOBAL__N_1/' | c++filt");
}

TEST(OpObjects, ShareNothingOfUnnamedNamespaces) {
  std::string library = binary("../lib/libtarn_ops.a");
  ASSERT_TRUE(std::filesystem::exists(library));
  EXPECT_GT(lines_with(output_of("nm -C '" + library + "' 2>&1"), "(anonymous namespace)"), 100) << "nm read nothing";
  EXPECT_EQ(shared_unnamed_symbols(library), "");
}

TEST(OpObjects, TheSameLookFindsThemInAFileThatHasThem) {
#ifdef __clang__
  GTEST_SKIP() << "clang gives such lists internal linkage";
#endif
  std::string folder = ::testing::TempDir() + "unnamed", object = folder + "/list.o";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/list.cc")
      << "template <template <class> class F> inline constexpr int kList[] = {F<int>::kX};\n"
         "namespace { template <class T> struct Of { static constexpr int kX = 1; }; }\n"
         "const int* list() { return kList<Of>; }\n";
  std::string said = output_of("c++ -std=c++20 -c '" + folder + "/list.cc' -o '" + object + "' 2>&1");
  ASSERT_TRUE(std::filesystem::exists(object)) << said;
  EXPECT_EQ(lines_with(shared_unnamed_symbols(object), "kList"), 1) << shared_unnamed_symbols(object);
  std::filesystem::remove_all(folder);
}

TEST(EngineBinary, TheSameLookFindsThemWhereTheyAre) {
  std::string symbols = symbols_of("freeze_graph");
  for (std::string_view foreign :
       {"google::protobuf", "tarn::pb::", "fLS::", "leveldb", "GradContext", "tarn::ops_", "tarn::Session"}) {
    EXPECT_GT(lines_with(symbols, foreign), 0) << foreign;
  }
  std::string libraries = output_of("ldd '" + binary("freeze_graph") + "' 2>&1");
  for (std::string_view library : {"libprotobuf", "libgflags", "libleveldb"}) {
    EXPECT_GT(lines_with(libraries, library), 0) << library;
  }
  if (!dnnl_files.empty()) {
    EXPECT_GT(lines_with(libraries, "libdnnl"), 0);
  }
}

}  // namespace
}  // namespace tarn
