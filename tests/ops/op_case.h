// What an op's test gives the table test (tests/ops/table_test.cc): sample inputs and a naive reference written apart.
//
//   TARN_OP_CASES(relu) {
//     return {{.op = "Relu", .label = "2d", .inputs = {uniform({3, 4}, -1, 1)},
//              .reference = [](const Tensors& in, const AttrMap&) { return Tensors{map(in[0], [](double x) { return x > 0 ? x : 0; })}; }}};
//   }
//
// Floating inputs are given in double; the harness casts them to every floating dtype the op has kernels for, runs every
// backend variant, compares with the reference (computed in double), and checks the gradient, if the op has one, against
// central differences in double. Every op of the table needs three cases or more.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/op_schema.h"

namespace tarn::testing {

using Tensors = std::vector<Tensor>;

struct OpCase {
  std::string op;
  std::string label;
  AttrMap attrs = {};  // dtype attrs follow from the inputs, unless given
  Tensors inputs = {};
  std::function<Tensors(const Tensors& inputs, const AttrMap& attrs)> reference = nullptr;
  // How many products or terms are summed into one output element: the tolerance is derived from it.
  double sum_length = 1;
  // Multiplies the derived tolerance; give a reason where it is not 1.
  double tolerance_factor = 1;
  // Which inputs the gradient is checked for; empty: every floating one. Set check_gradient = false with a reason.
  std::vector<int> gradient_inputs = {};
  bool check_gradient = true;
  // Inputs that are variables (Ref): their tensors become the variables' values, and the reference's last outputs are the
  // variables' values after the run, in order.
  std::vector<int> ref_inputs = {};
};

using OpCases = std::vector<OpCase>;

class OpCaseRegistrar {
 public:
  explicit OpCaseRegistrar(OpCases (*make)());
};

#define TARN_OP_CASES(name)                                                  \
  static ::tarn::testing::OpCases op_cases_of_##name();                      \
  static const ::tarn::testing::OpCaseRegistrar op_case_registrar_##name(&op_cases_of_##name); \
  static ::tarn::testing::OpCases op_cases_of_##name()

// Double tensors for cases: uniform in [low, high) from a fixed generator (seeded by the shape and `seed`).
Tensor uniform(const Shape& shape, double low = -1, double high = 1, uint64_t seed = 1);
Tensor ints(const Shape& shape, std::initializer_list<int32_t> values);
Tensor map(const Tensor& x, const std::function<double(double)>& f);
// With NumPy broadcasting.
Tensor map2(const Tensor& a, const Tensor& b, const std::function<double(double, double)>& f);

}  // namespace tarn::testing
