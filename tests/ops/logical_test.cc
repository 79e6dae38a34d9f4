#include "tests/ops/op_case.h"

namespace tarn::testing {
namespace {

Tensor bools(const Shape& shape, uint64_t seed) {
  return to_dtype(map(uniform(shape, -1, 1, seed), [](double x) { return x > 0 ? 1 : 0; }), DType::kBool);
}

TARN_OP_CASES(logical) {
  OpCases cases;
  auto both = [](const Tensors& in, const AttrMap&) {
    return Tensors{map2(in[0], in[1], [](double x, double y) { return x != 0 && y != 0 ? 1 : 0; })};
  };
  auto either = [](const Tensors& in, const AttrMap&) {
    return Tensors{map2(in[0], in[1], [](double x, double y) { return x != 0 || y != 0 ? 1 : 0; })};
  };
  auto neither = [](const Tensors& in, const AttrMap&) {
    return Tensors{map(in[0], [](double x) { return x != 0 ? 0 : 1; })};
  };
  for (const auto& [x, y] : {std::pair(Shape{3, 5}, Shape{3, 5}), std::pair(Shape{2, 1, 4}, Shape{3, 1}),
                             std::pair(Shape{0, 2}, Shape{2})}) {
    std::string label = x.to_string();
    cases.push_back({.op = "LogicalAnd", .label = label, .inputs = {bools(x, 1), bools(y, 2)}, .reference = both});
    cases.push_back({.op = "LogicalOr", .label = label, .inputs = {bools(x, 1), bools(y, 2)}, .reference = either});
    cases.push_back({.op = "LogicalNot", .label = label, .inputs = {bools(x, 1)}, .reference = neither});
  }
  return cases;
}

}  // namespace
}  // namespace tarn::testing
