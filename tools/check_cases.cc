// check_cases: runs models that have golden outputs, and says of each whether it gives them.
#include <gflags/gflags.h>

#include <algorithm>

#include "tools/support/case_check.h"
#include "tools/support/main.h"

DEFINE_string(cases, "", "Folder with a manifest.json");
DEFINE_string(only, "", "Run this case alone");
DEFINE_string(executor, "session", "session, engine, or both: then a case passes only if both give the golden outputs");

namespace {

tarn::CaseResult check(const tarn::ModelCase& model) {
  if (FLAGS_executor != "both") return tarn::check_case(model, *tarn::executor_kind_from_name(FLAGS_executor));
  return tarn::worse_of(tarn::check_case(model, tarn::ExecutorKind::kSession),
                        tarn::check_case(model, tarn::ExecutorKind::kEngine));
}

tarn::Result<int> run() {
  if (FLAGS_executor != "both") TARN_RETURN_IF_ERROR(tarn::executor_kind_from_name(FLAGS_executor).status());
  TARN_ASSIGN_OR_RETURN(std::vector<tarn::ModelCase> cases, tarn::read_manifest(FLAGS_cases));
  if (!FLAGS_only.empty()) {
    std::vector<std::string> names;
    for (const tarn::ModelCase& model : cases) names.push_back(model.name);
    std::erase_if(cases, [](const tarn::ModelCase& model) { return model.name != FLAGS_only; });
    if (cases.empty()) {
      return tarn::not_found(FLAGS_cases, ": there is no case ", tarn::quoted(FLAGS_only),
                             tarn::did_you_mean(FLAGS_only, names));
    }
  }
  int passed = 0, failed = 0, skipped = 0;
  for (const tarn::ModelCase& model : cases) {
    tarn::CaseResult result = check(model);
    tarn::print(result.line(), "\n");
    std::fflush(stdout);
    ++(result.verdict == tarn::Verdict::kOk ? passed : result.verdict == tarn::Verdict::kSkipped ? skipped : failed);
  }
  tarn::print(passed, " passed, ", failed, " failed, ", skipped, " skipped\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "check_cases",
                          .summary = "Runs models that have golden outputs and says of each whether it gives them. "
                                     "Exit code 1 if one does not.",
                          .example = "check_cases --cases=data\ncheck_cases --cases=data --only=mnist --executor=both",
                          .required = {"cases"}},
                         run);
}
