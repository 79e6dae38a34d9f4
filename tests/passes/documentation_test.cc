#include "passes/documentation.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/all_ops.h"

namespace tarn {
namespace {

// The committed pages are the generated ones: print_docs --ops > docs/ops.md; print_docs --passes > docs/passes.md.
TEST(Documentation, CommittedPagesAreUpToDate) {
  Result<std::string> ops = read_file(TARN_SOURCE_DIR "/docs/ops.md");
  Result<std::string> passes = read_file(TARN_SOURCE_DIR "/docs/passes.md");
  ASSERT_TRUE(ops.ok() && passes.ok()) << ops.status().to_string() << passes.status().to_string();
  EXPECT_TRUE(*ops == ops_markdown(all_ops())) << "docs/ops.md is old: print_docs --ops > docs/ops.md";
  EXPECT_TRUE(*passes == passes_markdown()) << "docs/passes.md is old: print_docs --passes > docs/passes.md";
}

}  // namespace
}  // namespace tarn
