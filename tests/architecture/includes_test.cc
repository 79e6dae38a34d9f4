// The dependencies that docs/architecture.md draws, held: what includes what, who may use which library, how things are
// registered. Each rule is first shown to fire on a line that breaks it, then applied to the whole repository.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/architecture/rules.h"

namespace tarn::architecture {
namespace {

using Complaints = std::vector<std::string>;
using Check = Complaints (*)(std::string_view path, std::string_view text);

const std::vector<SourceFile>& repository() {
  static const std::vector<SourceFile> files = read_repository(TARN_SOURCE_DIR);
  return files;
}

// Everything the check has to say about the repository, a complaint a line.
std::string complaints_about_repository(Check check) {
  std::string all;
  for (const SourceFile& file : repository()) {
    for (const std::string& complaint : check(file.path, file.text)) all += complaint + "\n";
  }
  return all;
}

struct Line {
  std::string path;
  std::string text;
};

void expect_refused(Check check, const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    const Complaints complaints = check(line.path, "\n" + line.text + "\n");
    ASSERT_EQ(complaints.size(), 1u) << line.path << ": " << line.text;
    EXPECT_TRUE(complaints[0].starts_with(line.path + ":2: ")) << complaints[0];
  }
}

void expect_accepted(Check check, const std::vector<Line>& lines) {
  for (const Line& line : lines) EXPECT_EQ(check(line.path, line.text), Complaints{}) << line.path << ": " << line.text;
}

TEST(Repository, IsReadWholeAndWithoutBuildFolders) {
  size_t sources = 0;
  for (const SourceFile& file : repository()) {
    EXPECT_FALSE(file.path.starts_with("build/") || file.path.starts_with(".git/")) << file.path;
    sources += file.path.starts_with("core/") && file.path.ends_with(".cc");
  }

  EXPECT_GE(sources, 6u) << "core/ of " << TARN_SOURCE_DIR;
}

TEST(Includes, FoldersThatAreAbove) {
  expect_refused(check_includes, {{"core/a.h", "#include \"ops/eigen.h\""},
                                  {"core/a.cc", "#include \"runtime/wire.h\""},
                                  {"ops/a.cc", "#include \"graph/graph.h\""},
                                  {"ops/kernels/a.cc", "#include \"runtime/program.h\""},
                                  {"runtime/a.cc", "#include \"ops/eigen.h\""},
                                  {"runtime/a.cc", "#  include \"graph/graph.h\""},
                                  {"runtime/a.h", "#include \"proto/graph.pb.h\""},
                                  {"graph/a.cc", "#include \"passes/pass.h\""},
                                  {"graph/a.cc", "#include \"ops/elementwise.h\""},
                                  {"passes/a.cc", "#include \"tools/main.h\""},
                                  {"tools/a.cc", "#include \"examples/support/mnist.h\""}});
  expect_accepted(check_includes, {{"ops/a.cc", "#include \"core/op.h\"\n#include \"ops/kernels/gemm.h\"\n"},
                                   {"runtime/a.cc", "#include \"core/op.h\"\n"},
                                   {"graph/a.cc", "#include \"runtime/program.h\"\n#include \"proto/graph.pb.h\"\n"},
                                   {"tests/ops/a.cc", "#include \"graph/graph.h\"\n"}});
}

TEST(Includes, LibrariesOutsideTheirFiles) {
  expect_refused(check_includes, {{"ops/relu.cc", "#include <Eigen/Core>"},
                                  {"ops/a.h", "#include <unsupported/Eigen/CXX11/Tensor>"},
                                  {"graph/graph.cc", "#include <boost/graph/adjacency_list.hpp>"},
                                  {"graph/session.cc", "#include <gflags/gflags.h>"},
                                  {"runtime/engine.cc", "#include <google/protobuf/message.h>"},
                                  {"graph/table.h", "#include <leveldb/table.h>"},
                                  {"core/file.cc", "#include <zlib.h>"},
                                  {"core/tensor.cc", "#include <gtest/gtest.h>"},
                                  {"core/tensor.cc", "#include <hwy/highway.h>"}});
  expect_accepted(check_includes, {{"ops/eigen.h", "#include <Eigen/Core>\n"},
                                   {"graph/bgl.h", "#include <boost/graph/graph_traits.hpp>\n"},
                                   {"passes/support/pattern.cc", "#include <boost/graph/vf2_sub_graph_iso.hpp>\n"},
                                   {"tools/support/main.cc", "#include <gflags/gflags.h>\n"},
                                   {"graph/a.cc", "#include <leveldb/table.h>\n"},
                                   {"core/file.cc", "#include <sys/mman.h>\n#include <unistd.h>\n#include <span>\n"}});
}

TEST(Includes, RepositoryKeepsTheRules) {
  EXPECT_EQ(complaints_about_repository(check_includes), "");
}

TEST(BuildFlags, NoInstructionSetOfTheBuildMachine) {
  const std::string flag = std::string("-march=") + "native";
  expect_refused(check_build_flags, {{"CMakeLists.txt", "add_compile_options(" + flag + ")"},
                                     {"cmake/a.cmake", "set(f " + flag + ")"},
                                     {"CMakePresets.json", "\"CMAKE_CXX_FLAGS\": \"" + flag + "\""}});
  expect_accepted(check_build_flags,
                  {{"ops/CMakeLists.txt", "-march=x86-64"}, {"docs/isa.md", flag + " is never used"}});

  EXPECT_EQ(complaints_about_repository(check_build_flags), "");
}

TEST(Registration, OnlyByGeneratedTable) {
  expect_refused(check_registration, {{"ops/a.cc", "REGISTER_OP(\"Conv2D\")"},
                                      {"passes/a.cc", "static PassRegistrar fold(\"fold\", run);"},
                                      {"passes/a.cc", "static const bool registered = register_pass();"},
                                      {"core/a.cc", "__attribute__((constructor)) void setup() {}"}});
  expect_accepted(check_registration, {{"ops/a.cc", "constexpr OpDef kOps[] = {"},
                                       {"graph/a.cc", "// Registration is by table.\n"},
                                       {"tests/ops/a.cc", "REGISTER_OP(x)"}});

  EXPECT_EQ(complaints_about_repository(check_registration), "");
}

TEST(MachinePaths, InNoFile) {
  const std::string home = std::string("/ro") + "ot/", work = std::string("/wo") + "rk/";
  expect_refused(check_machine_paths, {{"docs/a.md", "see " + home + "notes"},
                                       {"scripts/a.sh", "cd '" + work + "tarn'"},
                                       {"tests/a.cc", "\"" + work + "x\""},
                                       {"README.md", work + "x"}});
  expect_accepted(check_machine_paths, {{"docs/a.md", "artwork/x, ./home/x, network/root/x, {tmp}/work/x"}});

  EXPECT_EQ(complaints_about_repository(check_machine_paths), "");
}

// The libraries an app links run no code before main: their objects hold no static constructor. (Sanitizers add their
// own.)
TEST(LeanLibraries, HaveNoStaticConstructors) {
#ifdef TARN_SANITIZED
  GTEST_SKIP() << "sanitizers add a constructor to every object";
#else
  for (const char* name : {"libtarn_core.a", "libtarn_kernels.a", "libtarn_ops.a", "libtarn_runtime.a"}) {
    const std::filesystem::path library = std::filesystem::path(TARN_BIN_DIR) / "../lib" / name;
    if (!std::filesystem::exists(library)) continue;  // a folder without sources makes no library
    SCOPED_TRACE(name);

    const std::string command = "nm -A --defined-only '" + library.string() + "' 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    ASSERT_NE(pipe, nullptr);
    size_t symbols = 0;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe.get()) != nullptr) {
      ++symbols;
      EXPECT_EQ(std::string_view(line).find("_GLOBAL__sub_I_"), std::string_view::npos) << line;
    }

    EXPECT_GT(symbols, 10u) << "nm read nothing";
  }
#endif
}

}  // namespace
}  // namespace tarn::architecture
