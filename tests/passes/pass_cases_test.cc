// Runs tests/passes/*.graph: what a pass makes of a graph; that both graphs compute the same within the pass's contract
// (PassManager's verification); that a second run finds nothing to do; and that half the cases must not fire.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "core/file.h"
#include "graph/text.h"
#include "tests/passes/pass_cases.h"

namespace tarn::testing {
namespace {

std::string case_folder() {
  return path_join(TARN_SOURCE_DIR, "tests/passes");
}

struct NamedCase {
  std::string file, name;
  PassCase pass_case;
};

// "strip_03_an_identity_between": gtest takes letters, digits and '_'.
std::string name_of(const PassCaseFile& file, size_t index) {
  constexpr size_t kMostLetters = 60;
  std::string name = str_cat(file.name, index < 9 ? "_0" : "_", index + 1, "_");
  for (char c : file.cases[index].sentence.substr(0, kMostLetters)) {
    if (isalnum(static_cast<unsigned char>(c))) {
      name += c;
    } else if (!name.ends_with('_')) {
      name += '_';
    }
  }
  return name;
}

std::vector<NamedCase> all_cases() {
  std::vector<NamedCase> cases;
  Result<std::vector<PassCaseFile>> files = read_pass_cases(case_folder());
  if (!files.ok()) return cases;  // PassCaseFiles.AreReadAndHalfOfThemDoNotFire says why
  for (const PassCaseFile& file : *files) {
    for (size_t i = 0; i < file.cases.size(); ++i) cases.push_back({file.path, name_of(file, i), file.cases[i]});
  }
  return cases;
}

class PassCases : public ::testing::TestWithParam<NamedCase> {};

TEST_P(PassCases, GiveTheExpectedGraph) {
  const PassCase& one = GetParam().pass_case;

  Result<PassOutcome> outcome = run_pass_case(one, GetParam().file);

  ASSERT_TRUE(outcome.ok()) << one.sentence << "\n" << outcome.status().to_string();
  EXPECT_EQ(outcome->report.verified, one.verify);
  std::string expected;
  if (one.is_unchanged) {
    EXPECT_EQ(outcome->report.changes, 0) << str_join(outcome->report.notes, "\n");
    expected = pass_graph_text(outcome->before, true);
  } else {
    EXPECT_GT(outcome->report.changes, 0);
    Result<Graph> graph = graph_from_text(one.after, {.allow_unknown_ops = !one.verify, .source = "expected"});
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    expected = pass_graph_text(*graph, true);
  }
  EXPECT_EQ(pass_graph_text(outcome->after, true), expected) << one.sentence;

  PassCase again = one;
  again.before = graph_to_text(outcome->after);
  Result<PassOutcome> second = run_pass_case(again, "the graph after the pass");
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  EXPECT_EQ(second->report.changes, 0) << "not idempotent:\n" << str_join(second->report.notes, "\n");
}

INSTANTIATE_TEST_SUITE_P(Text, PassCases, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<NamedCase>& info) { return info.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PassCases);

TEST(PassCaseFiles, AreReadAndHalfOfThemDoNotFire) {
  Result<std::vector<PassCaseFile>> files = read_pass_cases(case_folder());
  ASSERT_TRUE(files.ok()) << files.status().to_string();
  std::vector<std::string> tested;
  for (const PassCaseFile& file : *files) {
    tested.push_back(file.name);
    size_t unchanged = 0;
    for (const PassCase& one : file.cases) unchanged += one.is_unchanged ? 1 : 0;
    EXPECT_GE(2 * unchanged, file.cases.size()) << file.path << ": at least as many cases must not fire as fire";
  }

  for (const std::string& pass : pass_names()) {
    EXPECT_NE(std::find(tested.begin(), tested.end(), pass), tested.end()) << "no tests/passes/" << pass << ".graph";
  }
}

// test_passes --update: the expectations as the passes are now.
int update() {
  Result<std::vector<PassCaseFile>> files = read_pass_cases(case_folder());
  Status status = files.status();
  for (size_t f = 0; status.ok() && f < files->size(); ++f) {
    PassCaseFile& file = (*files)[f];
    for (PassCase& one : file.cases) {
      Result<PassOutcome> outcome = run_pass_case(one, file.path);
      if (!outcome.ok()) {
        std::fprintf(stderr, "%s:%d: %s\n", file.path.c_str(), one.line, outcome.status().to_string().c_str());
        continue;
      }
      one.is_unchanged = outcome->report.changes == 0;
      one.after = pass_graph_text(outcome->after, false);
    }
    status = write_file_atomically(file.path, pass_case_text(file));
  }
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace tarn::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::strcmp(argv[1], "--update") == 0) return tarn::testing::update();
  return RUN_ALL_TESTS();
}
