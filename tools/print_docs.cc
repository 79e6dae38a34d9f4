// print_docs: prints docs/ops.md, docs/compatibility.md or docs/passes.md from the tables in this binary.
#include <gflags/gflags.h>

#include "graph/all_ops.h"
#include "passes/support/documentation.h"
#include "tools/support/main.h"

DEFINE_bool(ops, false, "print the page of all ops");
DEFINE_bool(compatibility, false, "print the table of ops, dtypes and where they run");
DEFINE_bool(passes, false, "print the page of all passes");

namespace {

tarn::Status run() {
  if (FLAGS_ops + FLAGS_compatibility + FLAGS_passes != 1)
    return tarn::invalid_argument("--ops, --compatibility or --passes: give one of them");
  if (FLAGS_ops) tarn::print(tarn::ops_markdown(tarn::all_ops()));
  if (FLAGS_compatibility) tarn::print(tarn::compatibility_markdown(tarn::all_ops()));
  if (FLAGS_passes) tarn::print(tarn::passes_markdown());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return tarn::tool_main(argc, argv,
                         {.name = "print_docs",
                          .summary = "prints docs/ops.md, docs/compatibility.md or docs/passes.md",
                          .example = "print_docs --ops > docs/ops.md"},
                         run);
}
