// Walks the whole op table: every op against its reference at every dtype, its gradient, its manners. Kernels of other
// libraries are in dnnl_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/ops/eager_gradient.h"
#include "tests/ops/harness.h"
#include "tests/ops/malformed.h"
#include "tests/ops/stateless_services.h"

namespace tarn::testing {
namespace {

// Two ops that have no test file.
TARN_OP_WITHOUT_CASES(Const, "its value is an attr: nothing runs");
TARN_OP_WITHOUT_CASES(NoOp, "no inputs, no outputs");

class OpTable : public ::testing::TestWithParam<std::string> {
 protected:
  void is_documented();
  void has_a_gradient_or_says_why_not();
  void has_an_infer_function();
  void has_three_cases_or_more();
  void matches_reference();
  void infers_the_shapes_it_produces();
  void gradient_agrees_with_differences();
  void survives_malformed_input();

  const OpRegistry::Op& op() const { return *op_table().find(GetParam()); }
  // $TARN_CASES_PER_OP of them, if set: sanitizers take ten times as long.
  std::vector<const OpCase*> cases() const {
    std::vector<const OpCase*> all = cases_of(GetParam());
    all.resize(std::min(all.size(), most_cases()));
    return all;
  }
  static size_t most_cases() {
    const char* most = std::getenv("TARN_CASES_PER_OP");
    return most == nullptr ? SIZE_MAX : std::max<size_t>(1, std::strtoul(most, nullptr, 10));
  }
};

std::vector<std::string> op_names() {
  return op_table().names();
}

// Rounding of n terms added one after another: each addition rounds once, so n + 3 half-units of the largest partial
// sum; partial sums may exceed the result by cancellation, for which there is a factor 4.
//   tolerance = 4 * (sum_length + 3) / 2 * epsilon, relative to the largest magnitude in the output
double tolerance_of(const OpCase& op_case, DType dtype) {
  return 2 * (op_case.sum_length + 3) * dtype_epsilon(dtype) * op_case.tolerance_factor;
}

void expect_near(const Tensors& got, const Tensors& want, const OpCase& op_case, const std::string& what) {
  ASSERT_GE(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    std::string off = difference(got[i], want[i], tolerance_of(op_case, want[i].dtype()));
    EXPECT_EQ(off, "") << what << ", output " << i << " " << off;
  }
}

void expect_same_bits(const Tensors& got, const Tensors& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!want[i].is_valid() && !got[i].is_valid()) continue;
    EXPECT_TRUE(got[i].identical_to(want[i]))
        << what << ", output " << i << ": " << got[i].to_string(16) << " against " << want[i].to_string(16);
  }
}

void OpTable::is_documented() {
  std::string_view doc = op().entry->doc;

  std::string_view first_line = doc.substr(0, doc.find('\n'));

  EXPECT_TRUE(first_line.ends_with('.')) << "the doc's first line is no sentence: " << first_line;
  EXPECT_GE(str_split(first_line, ' ').size(), 3u) << "the doc's first line says too little: " << first_line;
}

void OpTable::has_a_gradient_or_says_why_not() {
  const OpEntry& entry = *op().entry;

  EXPECT_NE(entry.gradient == nullptr, entry.no_gradient_reason.empty())
      << (entry.gradient != nullptr ? "a gradient and a reason for none" : "neither a gradient nor a reason");
}

void OpTable::has_an_infer_function() {
  EXPECT_NE(op().def->infer, nullptr);
}

void OpTable::has_three_cases_or_more() {
  if (ops_without_cases().contains(GetParam())) {
    EXPECT_TRUE(cases_of(GetParam()).empty()) << "has cases now: take its TARN_OP_WITHOUT_CASES away";
    return;
  }

  EXPECT_GE(cases_of(GetParam()).size(), 3u) << "add cases to tests/ops/<file>_test.cc with TARN_OP_CASES";
}

// Every dtype: right values, the same bits on any thread count and in place, shapes as inferred.
void OpTable::matches_reference() {
  for (const OpCase* op_case : cases()) {
    for (DType dtype : dtypes_of(op(), *op_case)) {
      std::string what = str_cat(GetParam(), " '", op_case->label, "' ", dtype_name(dtype));
      Result<BoundCase> bound = bind_case(op(), *op_case, dtype);
      ASSERT_TRUE(bound.ok()) << what << ": " << bound.status().to_string();
      Tensors want = expected_outputs(op(), *bound);
      size_t outputs = bound->types.outputs.size();
      ASSERT_TRUE(want.size() == outputs + op_case->ref_inputs.size() || want.size() == op_case->ref_inputs.size())
          << what << ": the reference gives " << want.size() << " outputs";
      Tensors want_variables(want.end() - static_cast<std::ptrdiff_t>(op_case->ref_inputs.size()), want.end());
      want.resize(want.size() - op_case->ref_inputs.size());

      if (op_case->ref_inputs.empty()) {  // the public way
        Result<Tensors> got =
            evaluate_node(op(), "case", bound->attrs, bound->inputs, {.services = &stateless_services()});
        ASSERT_TRUE(got.ok()) << what << ": " << got.status().to_string();
        expect_near(*got, want, *op_case, what + " by evaluate_node");
      }
      if (op().def->control != Control::kNone) continue;

      const std::string& name = what;
      Outcome one = run_op(op(), *bound);
      if (!one.has_kernel) {
        EXPECT_TRUE(op().def->kernels.empty()) << name << ": no kernel";
        continue;
      }
      ASSERT_TRUE(one.status.ok()) << name << ": " << one.status.to_string();
      EXPECT_TRUE(one.violations.empty()) << name << ": " << str_join(one.violations, "; ");
      expect_near(one.outputs, want, *op_case, name);
      expect_near(one.variables, want_variables, *op_case, name + " variables");

      for (int threads : {2, 3}) {
        // Another fill shows elements that were never written.
        Outcome more = run_op(op(), *bound, {.threads = threads, .fill = 0x5A});
        expect_same_bits(more.outputs, one.outputs, str_cat(name, " on ", threads, " threads"));
        expect_same_bits(more.variables, one.variables, str_cat(name, " on ", threads, " threads, variables"));
      }
      for (const auto& pair : one.request.reuse) {
        Outcome in_place = run_op(op(), *bound, {.reuse = {pair}});
        EXPECT_TRUE(in_place.violations.empty()) << name << " in place: " << str_join(in_place.violations, "; ");
        expect_same_bits(in_place.outputs, one.outputs,
                         str_cat(name, " with input ", pair.first, " reused for output ", pair.second));
      }
      Outcome with_values = run_op(op(), *bound, {.known = Known::kValues});
      ASSERT_TRUE(with_values.status.ok()) << name << ", constants: " << with_values.status.to_string();
      EXPECT_TRUE(with_values.violations.empty()) << name << ": " << str_join(with_values.violations, "; ");
      expect_near(with_values.outputs, want, *op_case, name + " with constant inputs");
      Outcome unknown = run_op(op(), *bound, {.known = Known::kNothing});
      ASSERT_TRUE(unknown.status.ok()) << name << ", shapes unknown: " << unknown.status.to_string();
      EXPECT_TRUE(unknown.violations.empty()) << name << ": " << str_join(unknown.violations, "; ");
      expect_same_bits(unknown.outputs, one.outputs, name + " prepared without shapes");
    }
  }
}

// However little is known, inference must not contradict what comes out; with everything known it knows every dim.
void OpTable::infers_the_shapes_it_produces() {
  for (const OpCase* op_case : cases()) {
    DType dtype = dtypes_of(op(), *op_case)[0];
    std::string what = str_cat(GetParam(), " '", op_case->label, "'");
    Result<BoundCase> bound = bind_case(op(), *op_case, dtype);
    ASSERT_TRUE(bound.ok()) << what << ": " << bound.status().to_string();
    Tensors want = expected_outputs(op(), *bound);
    if (want.size() < bound->types.outputs.size()) continue;  // a reference of variables only
    want.resize(bound->types.outputs.size());

    auto check = [&](std::span<const Fact> inputs, bool everything_known) {
      std::vector<Fact> outputs;
      Status status = infer_node(op(), "case", bound->attrs, bound->types, inputs, outputs);
      ASSERT_TRUE(status.ok()) << what << ": " << status.to_string();
      for (size_t i = 0; i < want.size(); ++i) {
        if (!want[i].is_valid()) continue;
        EXPECT_TRUE(outputs[i].shape.is_compatible_with(want[i].shape()))
            << what << ", output " << i << ": inferred " << outputs[i].shape.to_string() << ", produced "
            << want[i].shape().to_string();
        EXPECT_EQ(outputs[i].dtype, want[i].dtype()) << what << ", output " << i;
        if (outputs[i].has_value()) {
          EXPECT_EQ(difference(outputs[i].value, want[i], 0), "") << what << ", inferred value of output " << i;
        }
        if (everything_known && !op_case->dynamic_shape && op().def->control == Control::kNone) {
          EXPECT_TRUE(outputs[i].shape.is_fully_known())
              << what << ", output " << i << ": inferred only " << outputs[i].shape.to_string();
        }
      }
    };
    for (Known known : {Known::kValues, Known::kShapes, Known::kRanks, Known::kNothing}) {
      check(facts_of(*bound, known), known == Known::kValues);
    }
    // One thing unknown at a time: a value, a dim, a rank.
    std::vector<Fact> facts = facts_of(*bound, Known::kValues);
    for (Fact& fact : facts) {
      Fact kept = fact;
      fact.value = Tensor();
      check(facts, false);
      for (int d = 0; d < kept.shape.rank(); ++d) {
        fact.shape = kept.shape;
        fact.shape.set_dim(d, kUnknownDim);
        check(facts, false);
      }
      fact.shape = Shape::unknown();
      check(facts, false);
      fact = kept;
    }
  }
}

// Gradients, in double.
//
// Numeric: (f(x + h) - f(x - h)) / 2h with h = 6e-6 max(1, |x|), the cube root of double's epsilon, where truncation
// (h^2 |f'''| / 6) and rounding (epsilon |f| / h) balance at about 1e-10; the bound leaves four digits for f''' and
// for sums of many outputs.
constexpr double kGradientTolerance = 1e-6;
constexpr double kStep = 6e-6;
constexpr size_t kMostElements = 150;  // of one input that are moved

struct GradientSetup {
  BoundCase bound;
  Tensors outputs, grads;
};

Result<GradientSetup> set_up_gradient(const OpRegistry::Op& op, const OpCase& op_case, DType dtype, int only_output) {
  GradientSetup setup;
  TARN_ASSIGN_OR_RETURN(setup.bound, bind_case(op, op_case, dtype));
  TARN_ASSIGN_OR_RETURN(setup.outputs, evaluate_node(op, "case", setup.bound.attrs, setup.bound.inputs));
  for (size_t i = 0; i < setup.outputs.size(); ++i) {
    const Tensor& y = setup.outputs[i];
    const std::vector<int>& from = op_case.gradient_outputs;
    bool counts = dtype_is_floating(y.dtype()) && y.is_valid() &&
                  (from.empty() || std::find(from.begin(), from.end(), static_cast<int>(i)) != from.end()) &&
                  (only_output < 0 || only_output == static_cast<int>(i));
    setup.grads.push_back(counts ? to_dtype(uniform(y.shape(), -1, 1, 77 + i), y.dtype()) : Tensor());
  }
  return setup;
}

// d <grads, outputs> / d input[element], by differences.
Result<double> numeric_gradient(const OpRegistry::Op& op, const GradientSetup& setup, size_t input, size_t element) {
  Tensors outputs[2];
  double x = setup.bound.inputs[input].flat<double>()[element];
  double h = kStep * std::max(1.0, std::fabs(x));
  double at[2] = {x - h, x + h};
  for (int side = 0; side < 2; ++side) {
    Tensors inputs = setup.bound.inputs;
    inputs[input] = copy_of(inputs[input]);
    inputs[input].mutable_flat<double>()[element] = at[side];
    TARN_ASSIGN_OR_RETURN(outputs[side], evaluate_node(op, "case", setup.bound.attrs, inputs));
  }
  double sum = 0;
  for (size_t i = 0; i < setup.grads.size(); ++i) {
    if (!setup.grads[i].is_valid()) continue;
    std::span<const double> low = outputs[0][i].flat<double>(), high = outputs[1][i].flat<double>();
    for (size_t k = 0; k < low.size(); ++k) sum += setup.grads[i].flat<double>()[k] * (high[k] - low[k]);
  }
  return sum / (at[1] - at[0]);
}

// kShapes takes away the values of constants (axes, permutations), kRanks the dims too, as for a batch of any size. A
// gradient that cannot do with so little says Unimplemented, and is named.
constexpr std::pair<Known, const char*> kKnowledge[] = {
    {Known::kValues, "values known"}, {Known::kShapes, "shapes known"}, {Known::kRanks, "ranks known"}};

void check_gradient(const OpRegistry::Op& op, const OpCase& op_case, int only_output) {
  std::string what = str_cat(op.def->name, " '", op_case.label, "'");
  if (only_output >= 0) str_append(what, ", output ", only_output, " alone");
  Result<GradientSetup> setup = set_up_gradient(op, op_case, DType::kDouble, only_output);
  ASSERT_TRUE(setup.ok()) << what << ": " << setup.status().to_string();
  Result<Tensors> analytic = eager_gradient(op, setup->bound, setup->outputs, setup->grads, Known::kValues);
  ASSERT_TRUE(analytic.ok()) << what << ": " << analytic.status().to_string();
  ASSERT_EQ(analytic->size(), setup->bound.inputs.size()) << what;

  for (size_t i = 0; i < setup->bound.inputs.size(); ++i) {
    const Tensor& x = setup->bound.inputs[i];
    const std::vector<int>& wanted = op_case.gradient_inputs;
    bool checked = wanted.empty() || std::find(wanted.begin(), wanted.end(), static_cast<int>(i)) != wanted.end();
    if (x.dtype() != DType::kDouble || !checked) continue;
    const Tensor& dx = (*analytic)[i];
    if (dx.is_valid()) {
      EXPECT_EQ(dx.dtype(), x.dtype()) << what << ", gradient of input " << i;
      ASSERT_EQ(dx.shape(), x.shape()) << what << ", gradient of input " << i << " has shape " << dx.shape().to_string()
                                       << ", the input " << x.shape().to_string();
    }
    auto count = static_cast<size_t>(x.element_count());
    size_t step = std::max<size_t>(1, count / kMostElements);
    std::vector<std::pair<double, double>> pairs;
    double magnitude = 0;
    for (size_t k = 0; k < count; k += step) {
      Result<double> numeric = numeric_gradient(op, *setup, i, k);
      ASSERT_TRUE(numeric.ok()) << what << ": " << numeric.status().to_string();
      double computed = dx.is_valid() ? dx.flat<double>()[k] : 0;
      pairs.emplace_back(computed, *numeric);
      magnitude = std::max({magnitude, std::fabs(computed), std::fabs(*numeric)});
    }
    for (size_t k = 0; k < pairs.size(); ++k) {
      // 1e-9: a gradient of 0 measures as the rounding of f over h.
      EXPECT_NEAR(pairs[k].first, pairs[k].second, kGradientTolerance * magnitude + 1e-9)
          << what << ", gradient of input " << i << "[" << k * step << "]";
    }
  }

  for (auto [known, text] : kKnowledge) {
    Result<Tensors> again = eager_gradient(op, setup->bound, setup->outputs, setup->grads, known);
    if (!again.ok() && again.status().code() == Code::kUnimplemented && known != Known::kValues) {
      std::printf("[ only more ] %s, %s: %s\n", what.c_str(), text, std::string(again.status().message()).c_str());
      continue;
    }
    ASSERT_TRUE(again.ok()) << what << ", " << text << ": " << again.status().to_string();
    for (size_t i = 0; i < analytic->size(); ++i) {
      // The way there may differ, so a few roundings may.
      EXPECT_EQ(difference((*again)[i], (*analytic)[i], 1e-12), "") << what << ", " << text << ", input " << i;
    }
  }
  // The float kernels of the gradient against the double ones: sums run over at most as many terms as a tensor at hand
  // has elements, and rounding errors add up as a random walk.
  std::vector<DType> dtypes = dtypes_of(op, op_case);
  if (std::find(dtypes.begin(), dtypes.end(), DType::kFloat) == dtypes.end()) return;
  Result<GradientSetup> narrow = set_up_gradient(op, op_case, DType::kFloat, only_output);
  ASSERT_TRUE(narrow.ok()) << what << " float: " << narrow.status().to_string();
  Result<Tensors> in_float = eager_gradient(op, narrow->bound, narrow->outputs, narrow->grads, Known::kValues);
  ASSERT_TRUE(in_float.ok()) << what << " float: " << in_float.status().to_string();
  // The double gradient at the very inputs the float one had.
  GradientSetup widened = *setup;
  for (size_t i = 0; i < widened.bound.inputs.size(); ++i) {
    if (widened.bound.inputs[i].dtype() == DType::kDouble) widened.bound.inputs[i] = to_double(narrow->bound.inputs[i]);
  }
  for (size_t i = 0; i < widened.grads.size(); ++i) {
    if (widened.grads[i].is_valid()) widened.grads[i] = to_double(narrow->grads[i]);
  }
  Result<Tensors> outputs = evaluate_node(op, "case", widened.bound.attrs, widened.bound.inputs);
  ASSERT_TRUE(outputs.ok()) << what << ": " << outputs.status().to_string();
  Result<Tensors> in_double = eager_gradient(op, widened.bound, *outputs, widened.grads, Known::kValues);
  ASSERT_TRUE(in_double.ok()) << what << ": " << in_double.status().to_string();
  double terms = op_case.sum_length;
  for (const Tensor& t : widened.bound.inputs) terms = std::max(terms, static_cast<double>(t.element_count()));
  for (const Tensor& t : *outputs) terms = std::max(terms, static_cast<double>(t.element_count()));
  double tolerance = 16 * std::sqrt(terms) * dtype_epsilon(DType::kFloat) * op_case.tolerance_factor;
  for (size_t i = 0; i < in_double->size(); ++i) {
    const Tensor& wide = (*in_double)[i];
    if (!wide.is_valid() || wide.dtype() != DType::kDouble) continue;
    EXPECT_EQ(difference((*in_float)[i], to_dtype(wide, (*in_float)[i].dtype()), tolerance), "")
        << what << ", float gradient of input " << i;
  }
}

void OpTable::gradient_agrees_with_differences() {
  if (op().entry->gradient == nullptr) {
    std::printf("[ no gradient ] %s: %s\n", GetParam().c_str(), std::string(op().entry->no_gradient_reason).c_str());
    return;
  }
  if (gradients_tested_apart().contains(GetParam())) return;
  size_t checked = 0;
  for (const OpCase* op_case : cases_of(GetParam())) {  // the first may be one whose gradient cannot be checked
    if (checked == most_cases()) break;
    std::vector<DType> dtypes = dtypes_of(op(), *op_case);
    bool in_double = std::find(dtypes.begin(), dtypes.end(), DType::kDouble) != dtypes.end();
    if (!op_case->check_gradient || !op_case->ref_inputs.empty() || !in_double) continue;
    ++checked;
    check_gradient(op(), *op_case, -1);
    if (HasFatalFailure()) return;
    Result<BoundCase> bound = bind_case(op(), *op_case, DType::kDouble);
    const std::vector<ArgType>& outputs = bound->types.outputs;
    size_t floating = 0;
    for (const ArgType& type : outputs) floating += dtype_is_floating(type.dtype) ? 1 : 0;
    for (size_t i = 0; floating > 1 && i < outputs.size(); ++i) {
      const std::vector<int>& from = op_case->gradient_outputs;
      bool counts = from.empty() || std::find(from.begin(), from.end(), static_cast<int>(i)) != from.end();
      if (!dtype_is_floating(outputs[i].dtype) || !counts) continue;
      check_gradient(op(), *op_case, static_cast<int>(i));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(checked, 0u) << "has a gradient, but no case checks it";
}

void OpTable::survives_malformed_input() {
  // A large case is there for the threads: broken sizes and values tell nothing there that they don't in a small one,
  // and are tried by the hundred.
  const auto is_small = [](const OpCase* op_case) {
    int64_t elements = 0;
    for (const Tensor& input : op_case->inputs) elements += input.element_count();
    return elements <= 1 << 13;
  };
  std::vector<const OpCase*> tried = cases();
  if (std::any_of(tried.begin(), tried.end(), is_small)) std::erase_if(tried, std::not_fn(is_small));
  for (const OpCase* op_case : tried) {
    DType dtype = dtypes_of(op(), *op_case)[0];
    Result<BoundCase> bound = bind_case(op(), *op_case, dtype);
    ASSERT_TRUE(bound.ok()) << bound.status().to_string();

    MalformedReport report = try_malformed(op(), *bound);

    EXPECT_TRUE(report.problems.empty()) << GetParam() << " '" << op_case->label << "':\n"
                                         << str_join(report.problems, "\n");
    EXPECT_GT(report.tried, 0);
  }
}

// One test an op, not one a promise: ctest starts a process for each test, and under sanitizers that start is most of
// the time.
TEST_P(OpTable, KeepsItsPromises) {
  {
    SCOPED_TRACE("IsDocumented");
    is_documented();
  }
  {
    SCOPED_TRACE("HasAGradientOrSaysWhyNot");
    has_a_gradient_or_says_why_not();
  }
  {
    SCOPED_TRACE("HasAnInferFunction");
    has_an_infer_function();
  }
  {
    SCOPED_TRACE("HasThreeCasesOrMore");
    has_three_cases_or_more();
  }
  {
    SCOPED_TRACE("MatchesReference");
    matches_reference();
  }
  {
    SCOPED_TRACE("InfersTheShapesItProduces");
    infers_the_shapes_it_produces();
  }
  {
    SCOPED_TRACE("GradientAgreesWithDifferences");
    gradient_agrees_with_differences();
  }
  {
    SCOPED_TRACE("SurvivesMalformedInput");
    survives_malformed_input();
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, OpTable, ::testing::ValuesIn(op_names()),
                         [](const ::testing::TestParamInfo<std::string>& info) { return info.param; });

TEST(OpTableItself, EverySignatureParses) {
  EXPECT_TRUE(op_table().errors().empty()) << str_join(op_table().errors(), "\n");
}

TEST(OpTableItself, HasEveryOpThatCasesAreFor) {
  for (const std::string& name : ops_with_cases()) {
    EXPECT_NE(op_table().find(name), nullptr) << name << " has cases but is not in the table";
  }
}

TEST(OpTableItself, ListsOpsWithoutGradient) {
  int count = 0;
  for (const OpRegistry::Op& op : op_table().ops()) {
    if (op.entry->gradient != nullptr) continue;
    ++count;
    std::printf("%-28s %s\n", std::string(op.def->name).c_str(), std::string(op.entry->no_gradient_reason).c_str());
    EXPECT_FALSE(op.entry->no_gradient_reason.empty()) << op.def->name;
  }
  std::printf("%d of %d ops have no gradient\n", count, static_cast<int>(op_table().ops().size()));
}

}  // namespace
}  // namespace tarn::testing
