// What an op's test gives the table test (tests/ops/table_test.cc): sample inputs and a naive reference written apart.
//
//   TARN_OP_CASES(relu) {
//     return {{.op = "Relu", .label = "2d", .inputs = {uniform({3, 4}, -1, 1)},
//              .reference = [](const Tensors& in, const AttrMap&) {
//                return Tensors{map(in[0], [](double x) { return x > 0 ? x : 0; })};
//              }}};
//   }
//
// Floating inputs are given in double; the harness casts them to every dtype the op has kernels for, runs every backend
// variant, compares with the reference (computed in double), and checks the gradient, if the op has one, against
// central differences in double. Every op of the table needs three cases or more.
//
// How one case becomes many runs:
//  - A double input whose type is the op's kernel attr is cast to each kernel dtype; where kernels are for any dtype,
//  to
//    a spread of them, strings included. Integer dtypes get 8 times the value unless all values are whole already; bool
//    gets x > 0. A double input of a fixed dtype, or of another type attr, is cast to that. Anything that is not double
//    is passed as it is, and then only its own dtype runs, as it does where `attrs` names the kernel attr.
//  - The reference gets the cast inputs widened to double (numbers of the kernel's dtype; other inputs as they are) and
//    the resolved attrs. Its double outputs are compared after rounding to the kernel's output dtype (integers wrap);
//    outputs of another dtype must match it exactly.
#pragma once

#include <cmath>
#include <functional>
#include <map>
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
  // Inputs that are variables (Ref, or resource handles): their tensors become the variables' values, and the
  // reference's last outputs are the variables' values after the run, in order.
  std::vector<int> ref_inputs = {};
  // Which outputs a gradient may come from; empty: every floating one.
  std::vector<int> gradient_outputs = {};
  // The reference says nothing of strings, which the op takes too.
  bool numbers_only = false;
  // The shape of an output depends on data other than constants of shape (Where, Unique …).
  bool dynamic_shape = false;
};

using OpCases = std::vector<OpCase>;

// The case of an Apply op for its like on resource variables, which does the same and returns nothing.
OpCase on_resources(OpCase apply);

class OpCaseRegistrar {
 public:
  explicit OpCaseRegistrar(OpCases (*make)());
};

#define TARN_OP_CASES(name)                                                                    \
  static ::tarn::testing::OpCases op_cases_of_##name();                                        \
  static const ::tarn::testing::OpCaseRegistrar op_case_registrar_##name(&op_cases_of_##name); \
  static ::tarn::testing::OpCases op_cases_of_##name()

// Says, beside its tests, what the table test cannot do with an op, and where it is tested instead:
//   TARN_OP_WITHOUT_CASES(RandomShuffle, "needs a ResourceMap; compared with TensorFlow's order")
//   TARN_OP_GRADIENT_TESTED_APART(ResizeBilinear, "its output is float: differences of it are too coarse")
#define TARN_OP_WITHOUT_CASES(op, reason)                                                                             \
  static const ::tarn::testing::OpExceptionRegistrar without_cases_of_##op(::tarn::testing::ops_without_cases(), #op, \
                                                                           reason)
#define TARN_OP_GRADIENT_TESTED_APART(op, reason)                                                                      \
  static const ::tarn::testing::OpExceptionRegistrar gradient_apart_of_##op(::tarn::testing::gradients_tested_apart(), \
                                                                            #op, reason)

using OpExceptions = std::map<std::string, std::string>;  // op -> reason
OpExceptions& ops_without_cases();
OpExceptions& gradients_tested_apart();

class OpExceptionRegistrar {
 public:
  OpExceptionRegistrar(OpExceptions& exceptions, const char* op, const char* reason) { exceptions[op] = reason; }
};

// The cases of all files for one op.
std::vector<const OpCase*> cases_of(std::string_view op);
// Ops that some case is for.
std::vector<std::string> ops_with_cases();

// Double tensors for cases: uniform in [low, high) from a fixed generator (seeded by the shape and `seed`).
Tensor uniform(const Shape& shape, double low = -1, double high = 1, uint64_t seed = 1);
Tensor ints(const Shape& shape, std::initializer_list<int32_t> values);
Tensor map(const Tensor& x, const std::function<double(double)>& f);
// With NumPy broadcasting.
Tensor map2(const Tensor& a, const Tensor& b, const std::function<double(double, double)>& f);

// 0, 1, 2 …, as doubles: whole numbers show where each element went.
Tensor iota(const Shape& shape);
// Double tensor from values.
Tensor doubles(const Shape& shape, std::initializer_list<double> values);
using Index = std::vector<int64_t>;
// Double tensor with element [i, j …] = f({i, j …}): how references say where elements come from.
Tensor by_index(const Shape& shape, const std::function<double(const Index&)>& f);
// x[i, j …] of a double tensor.
double at(const Tensor& x, const Index& index);
// An integer input as numbers.
std::vector<int64_t> int_list(const Tensor& x);

// Any numeric or bool tensor as double (integers of 64 bits lose what double cannot hold); strings that to_dtype made
// read back.
Tensor to_double(const Tensor& x);
// The inverse: rounds to the nearest, integers wrap; bool is x != 0; a string is the number's text.
Tensor to_dtype(const Tensor& x, DType dtype);
// Distance between 1 and the next number: 2^-52, 2^-23, 2^-10, 2^-7; 0 for other dtypes.
double dtype_epsilon(DType dtype);

}  // namespace tarn::testing
