// check_cases: runs models that have golden outputs, and says of each whether it gives them.
#include <gflags/gflags.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "core/file.h"
#include "tools/support/case_check.h"
#include "tools/support/case_optimize.h"
#include "tools/support/case_report.h"
#include "tools/support/graph_file.h"
#include "tools/support/main.h"
#include "tools/support/op_cases.h"
#include "tools/support/progress.h"

DEFINE_string(cases, "", "Folder with a manifest.json, or with --ops an index.json");
DEFINE_bool(ops, false, "The folder is an op suite: an index.json, and a folder for each of its small graphs");
DEFINE_bool(optimize, false,
            "Check what optimize_for_mobile makes of the models, told nothing but the file: inputs and outputs found, "
            "goldens, the same bytes twice; --markdown writes nodes, bytes, multiply-accumulates and times instead");
DEFINE_int32(runs, 0, "With --optimize: times each graph so often in the engine, before and after, on one thread");
DEFINE_string(only, "", "Run this case alone");
DEFINE_string(executor, "session", "session, engine, or both: then a case passes only if both give the golden outputs");
DEFINE_string(junit, "", "Write the results to this file as JUnit XML");
DEFINE_string(markdown, "", "Write the results to this file as a Markdown table");

namespace {

struct NamedCheck {
  std::string name;
  std::function<tarn::CaseResult(tarn::ExecutorKind)> check;
};

template <class Case, class Check>
std::vector<NamedCheck> checks_of(std::vector<Case> cases, Check check) {
  std::vector<NamedCheck> checks;
  for (Case& one : cases) {
    std::string name = one.name;
    checks.push_back(
        {name, [one = std::move(one), check](tarn::ExecutorKind executor) { return check(one, executor); }});
  }
  return checks;
}

tarn::Result<std::vector<NamedCheck>> read_cases(std::vector<tarn::OptimizedCase>& optimized) {
  if (FLAGS_ops) {
    TARN_ASSIGN_OR_RETURN(std::vector<tarn::OpSuiteCase> cases, tarn::read_op_suite(FLAGS_cases));
    return checks_of(std::move(cases), tarn::check_op_case);
  }
  TARN_ASSIGN_OR_RETURN(std::vector<tarn::ModelCase> cases, tarn::read_manifest(FLAGS_cases));
  if (FLAGS_optimize) {
    return checks_of(std::move(cases), [&optimized](const tarn::ModelCase& model, tarn::ExecutorKind) {
      return optimized.emplace_back(tarn::check_optimized(model, FLAGS_runs)).verdict;
    });
  }
  return checks_of(std::move(cases), tarn::check_case);
}

tarn::CaseResult check(const NamedCheck& named) {
  if (FLAGS_executor != "both") return named.check(*tarn::executor_kind_from_name(FLAGS_executor));
  return tarn::worse_of(named.check(tarn::ExecutorKind::kSession), named.check(tarn::ExecutorKind::kEngine));
}

tarn::Status keep_only(const std::string& only, std::vector<NamedCheck>& checks) {
  std::vector<std::string> names;
  for (const NamedCheck& named : checks) names.push_back(named.name);
  std::erase_if(checks, [&](const NamedCheck& named) { return named.name != only; });
  if (!checks.empty()) return {};
  return tarn::not_found(FLAGS_cases, ": there is no case ", tarn::quoted(only), tarn::did_you_mean(only, names));
}

tarn::Result<int> run() {
  if (FLAGS_ops && FLAGS_optimize) return tarn::invalid_argument("--ops and --optimize exclude each other");
  if (FLAGS_executor != "both") TARN_RETURN_IF_ERROR(tarn::executor_kind_from_name(FLAGS_executor).status());
  std::vector<std::string> inputs{tarn::path_join(FLAGS_cases, FLAGS_ops ? "index.json" : "manifest.json")};
  for (auto [flag, path] : {std::pair<const char*, std::string>{"junit", FLAGS_junit}, {"markdown", FLAGS_markdown}}) {
    if (!path.empty()) TARN_RETURN_IF_ERROR(tarn::check_output_path(flag, path, inputs));
  }
  std::vector<tarn::OptimizedCase> optimized;  // with --optimize
  TARN_ASSIGN_OR_RETURN(std::vector<NamedCheck> checks, read_cases(optimized));
  if (!FLAGS_only.empty()) TARN_RETURN_IF_ERROR(keep_only(FLAGS_only, checks));
  std::vector<tarn::CaseResult> results;
  tarn::CaseCounts counts;
  // Where the lines themselves are seen, and where nobody watches, a bar says nothing.
  std::optional<tarn::Progress> progress;
  if (tarn::progress_is_watched()) {
    progress.emplace(
        tarn::ProgressOptions{.total = static_cast<int64_t>(checks.size()), .label = "checking", .unit = "cases"});
  }
  for (const NamedCheck& named : checks) {
    results.push_back(check(named));
    counts.add(results.back().verdict);
    tarn::print(results.back().line(), "\n");
    std::fflush(stdout);
    if (progress) progress->update(static_cast<int64_t>(results.size()), counts.to_string());
  }
  if (progress) progress->finish(counts.to_string());
  if (FLAGS_optimize) tarn::print(tarn::ends_found_text(optimized), "\n");
  tarn::print(counts.to_string(), "\n");
  std::string suite = tarn::path_name(FLAGS_cases);
  if (!FLAGS_junit.empty()) {
    TARN_RETURN_IF_ERROR(tarn::write_file_atomically(FLAGS_junit, tarn::junit_report(suite, results)));
  }
  if (!FLAGS_markdown.empty()) {
    TARN_RETURN_IF_ERROR(tarn::write_file_atomically(
        FLAGS_markdown, FLAGS_optimize ? tarn::optimized_table(optimized) : tarn::markdown_report(suite, results)));
  }
  return counts.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "check_cases",
                          .summary = "Runs models that have golden outputs and says of each whether it gives them. "
                                     "Exit code 1 if one does not.",
                          .example = "check_cases --cases=data\ncheck_cases --cases=data --only=mnist --executor=both\n"
                                     "check_cases --ops --cases=data/opsuite --junit=ops.xml --markdown=ops.md\n"
                                     "check_cases --optimize --cases=data --runs=50 --markdown=optimized.md",
                          .required = {"cases"},
                          .ranges = {{"runs", 0, 10000}}},
                         run);
}
