// Every op of the table that tests/goldens/ops has cases for gives TensorFlow's outputs. The form of those files and
// the meaning of "terms" are in tests/goldens/README.md; cases of ops or dtypes without a kernel are counted and named.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "core/op_schema.h"
#include "core/resource.h"
#include "runtime/evaluate.h"
#include "tests/ops/golden_file.h"
#include "tests/ops/op_case.h"
#include "tests/ops/stateless_services.h"

namespace tarn {
namespace {

using golden::Json, golden::with_storage, golden::shape_of, golden::dtype_of, golden::read_tensor, golden::read_attr;

const OpRegistry& registry() {
  static const OpRegistry ops(op_files);
  return ops;
}

// ---- Comparing
// -------------------------------------------------------------------------------------------------------

// The largest magnitude an output's terms may have: the product of the inputs' largest finite values, as in a
// convolution.
double term_magnitude(const std::vector<Tensor>& inputs) {
  double magnitude = 1;
  for (const Tensor& input : inputs) {
    if (!dtype_is_floating(input.dtype())) continue;
    double largest = 1;
    with_storage(input.dtype(), [&](auto zero) {
      for (const auto element : input.flat<decltype(zero)>()) {
        const double value = static_cast<double>(widened(element));
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
      }
    });
    magnitude *= largest;
  }
  return magnitude;
}

// `epsilon` is that of the dtype, which for half and bfloat16 is not T's.
template <class T>
bool close(T got, T expected, int terms, double magnitude, [[maybe_unused]] double epsilon) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(expected)) return std::isnan(got);
    if (got == expected) return true;
    if (terms == 0 || !std::isfinite(expected)) return false;
    // One function value: TensorFlow's own approximations are good to a few units in the last place, as ours are.
    // A sum: each of n terms and each addition rounds once, on both sides.
    const double relative = 16 * epsilon * std::abs(double{expected});
    const double absolute = (terms == 1 ? 4.0 : 2.0 * terms) * epsilon * magnitude;
    return std::abs(double{got} - double{expected}) <= std::max(relative, absolute);
  } else {
    return got == expected;
  }
}

// Empty if `got` is what TensorFlow gives, else what differs.
std::string difference(const Tensor& got, const Json& expected, int terms, double magnitude) {
  if (got.dtype() != dtype_of(expected) || got.shape() != shape_of(expected)) {
    return "gives " + got.to_string() + ", TensorFlow " + expected.dump();
  }
  if (expected.at("values").is_null()) return "";  // TensorFlow leaves it uninitialized
  const Tensor wanted = read_tensor(expected);
  if (got.dtype() == DType::kString) {
    return got.identical_to(wanted) ? "" : "gives " + got.to_string(16) + ", TensorFlow " + wanted.to_string(16);
  }
  return with_storage(got.dtype(), [&](auto zero) -> std::string {
    using T = decltype(zero);
    for (int64_t i = 0; i < got.element_count(); ++i) {
      const auto mine = widened(got.flat<T>()[i]), theirs = widened(wanted.flat<T>()[i]);
      if (close(mine, theirs, terms, magnitude, testing::dtype_epsilon(got.dtype()))) continue;
      return "element " + std::to_string(i) + " is " + std::to_string(mine) + ", TensorFlow's " +
             std::to_string(theirs);
    }
    return "";
  });
}

// ---- Running
// ---------------------------------------------------------------------------------------------------------

// Runs one case: nullopt if there is no kernel for it, else what differs (empty: nothing).
std::optional<std::string> run_case(const Json& golden, std::string& missing) {
  const std::string name = golden.at("op");
  const OpRegistry::Op* op = registry().find(name);
  if (op == nullptr) {
    missing = name;
    return std::nullopt;
  }
  AttrMap attrs;
  for (const auto& [key, value] : golden.at("attrs").items()) attrs.set(key, read_attr(value));
  if (!op->schema.kernel_attr().empty() && attrs.find(op->schema.kernel_attr()) != nullptr) {
    constexpr Backend kPortable[] = {Backend::kPortable};
    if (!find_kernel(*op, attrs, kPortable).ok()) {
      missing = name + " of " + attrs.find(op->schema.kernel_attr())->to_string();
      return std::nullopt;
    }
  }

  std::vector<Tensor> inputs;
  std::vector<std::unique_ptr<Variable>> owned;
  std::vector<Variable*> variables;
  for (const Json& input : golden.at("inputs")) {
    inputs.push_back(read_tensor(input));
    if (!input.contains("ref")) continue;
    owned.push_back(std::make_unique<Variable>("v" + std::to_string(owned.size())));
    owned.back()->set_value(inputs.back());
    variables.push_back(owned.back().get());
  }
  const double magnitude = term_magnitude(inputs);
  EvaluateOptions options;
  options.variables = variables;
  options.services = &testing::stateless_services();
  Result<std::vector<Tensor>> outputs = evaluate_op(registry(), name, attrs, inputs, options);
  if (!outputs.ok()) return outputs.status().to_string();

  const int terms = golden.at("terms");
  const Json& expected = golden.at("outputs");
  if (outputs->size() != expected.size()) return "has " + std::to_string(outputs->size()) + " outputs";
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string differs = difference((*outputs)[i], expected[i], terms, magnitude);
    if (!differs.empty()) return "output " + std::to_string(i) + ": " + differs;
  }
  for (size_t i = 0; i < owned.size(); ++i) {
    const std::string differs = difference(owned[i]->value(), golden.at("variables_after")[i], terms, magnitude);
    if (!differs.empty()) return "variable " + std::to_string(i) + ": " + differs;
  }
  return "";
}

// What C++ leaves undefined binds nobody.
bool binds(const Json& golden) {
  return golden.value("note", "").find("undefined in C++") == std::string::npos;
}

// TARN_CASES_PER_OP=N: the first N cases of each op, for slow builds.
int cases_per_op() {
  const char* text = std::getenv("TARN_CASES_PER_OP");
  return text == nullptr ? std::numeric_limits<int>::max() : std::max(1, std::atoi(text));
}

class Goldens : public ::testing::TestWithParam<std::string> {};

TEST_P(Goldens, OpsGiveWhatTensorFlowGives) {
  const std::string path = std::string(TARN_SOURCE_DIR) + "/tests/goldens/ops/" + GetParam() + ".json";
  std::ifstream file(path);
  const Json goldens = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(goldens.is_array() && !goldens.empty()) << path;

  int ran = 0;
  std::set<std::string> all_missing;
  std::map<std::string, int> seen;
  for (size_t i = 0; i < goldens.size(); ++i) {
    const Json& golden = goldens[i];
    if (!binds(golden) || ++seen[golden.at("op").get<std::string>()] > cases_per_op()) continue;
    std::string missing;
    const std::optional<std::string> differs = run_case(golden, missing);
    if (!differs) {
      all_missing.insert(missing);
      continue;
    }
    ++ran;
    // File and line, as each case is a line of the file.
    EXPECT_EQ(*differs, "") << path << ":" << i + 2 << ": " << golden.dump().substr(0, 600);
  }

  std::string list;
  for (const std::string& missing : all_missing) list += (list.empty() ? "" : ", ") + missing;
  if (!list.empty()) std::cout << GetParam() << ": no kernel for " << list << "\n";
  if (ran == 0) GTEST_SKIP() << "no op of this family is in the table";
}

std::vector<std::string> families() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(TARN_SOURCE_DIR) + "/tests/goldens/ops")) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(TensorFlow, Goldens, ::testing::ValuesIn(families()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace tarn
