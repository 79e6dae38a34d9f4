// print_docs: prints docs/ops.md or docs/passes.md from the tables in this binary.
#include <gflags/gflags.h>

#include "graph/all_ops.h"
#include "passes/documentation.h"
#include "tools/support/main.h"

DEFINE_bool(ops, false, "print the page of all ops");
DEFINE_bool(passes, false, "print the page of all passes");

namespace {

tarn::Status run() {
  if (FLAGS_ops == FLAGS_passes) return tarn::invalid_argument("--ops or --passes: give one of them");
  tarn::print(FLAGS_ops ? tarn::ops_markdown(tarn::all_ops()) : tarn::passes_markdown());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "print_docs",
                          .summary = "prints docs/ops.md or docs/passes.md",
                          .example = "print_docs --ops > docs/ops.md"},
                         run);
}
