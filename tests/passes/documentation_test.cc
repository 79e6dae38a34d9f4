#include "passes/support/documentation.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/all_ops.h"

namespace tarn {
namespace {

// The committed pages are the generated ones.
void expect_up_to_date(const char* page, const std::string& generated) {
  Result<std::string> committed = read_file(str_cat(TARN_SOURCE_DIR "/docs/", page, ".md"));
  ASSERT_TRUE(committed.ok()) << committed.status().to_string();
  EXPECT_TRUE(*committed == generated) << "docs/" << page << ".md is old: print_docs --" << page << " > docs/" << page
                                       << ".md";
}

TEST(Documentation, OpsAreUpToDate) {
  expect_up_to_date("ops", ops_markdown(all_ops()));
}

TEST(Documentation, CompatibilityIsUpToDate) {
  expect_up_to_date("compatibility", compatibility_markdown(all_ops()));
}

TEST(Documentation, PassesAreUpToDate) {
  expect_up_to_date("passes", passes_markdown());
}

}  // namespace
}  // namespace tarn
