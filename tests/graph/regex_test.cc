// Regular expressions in an engine: there when the app gives it a RegexCompiler.
#include "core/regex.h"

#include <gtest/gtest.h>

#include "runtime/engine.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

TEST(Regex, IsRefusedByNodeNameInAnEngineWithoutACompiler) {
  std::string bytes =
      testing::model_bytes("x: str[] = Placeholder\ny = StaticRegexReplace(x) {pattern=\"[^a-z]+\", rewrite=\"_\"}\n");
  auto load = [&](RegexCompiler* compiler) {
    EngineOptions options{.inputs = {"x"}, .outputs = {"y"}};
    options.regex = compiler;
    return Engine::load_bytes(bytes, nullptr, "model.pb", options);
  };

  Result<std::shared_ptr<const Engine>> without = load(nullptr), with = load(&regex_compiler());

  ASSERT_FALSE(without.ok());
  EXPECT_NE(without.status().message().find("StaticRegexReplace 'y': needs regular expressions"),
            std::string_view::npos)
      << without.status().to_string();
  ASSERT_TRUE(with.ok()) << with.status().to_string();
  EngineContext context(*with);
  ASSERT_TRUE(context.set_input("x", Tensor::scalar(std::string("a 1, b!"))).ok());
  ASSERT_TRUE(context.run().ok());
  EXPECT_EQ((*context.output(0))->as<std::string>()[0], "a_b_");
}

}  // namespace
}  // namespace tarn
