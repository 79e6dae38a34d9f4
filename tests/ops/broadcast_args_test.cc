#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors broadcast(const Tensors& in, const AttrMap&) {
  std::vector<int64_t> a = int_list(in[0]), b = int_list(in[1]);
  if (a.size() < b.size()) std::swap(a, b);
  b.insert(b.begin(), a.size() - b.size(), 1);
  for (size_t i = 0; i < a.size(); ++i) a[i] = a[i] == 1 ? b[i] : a[i];
  auto length = static_cast<int64_t>(a.size());
  if (in[0].dtype() == DType::kInt64) return {Tensor::from<int64_t>({length}, std::span<const int64_t>(a))};
  std::vector<int32_t> narrow(a.begin(), a.end());
  return {Tensor::from<int32_t>({length}, std::span<const int32_t>(narrow))};
}

TARN_OP_CASES(broadcast_args) {
  auto args = [](const char* label, Tensor a, Tensor b) {
    return OpCase{
        .op = "BroadcastArgs", .label = label, .inputs = {std::move(a), std::move(b)}, .reference = broadcast};
  };
  return {
      args("same length", ints({3}, {2, 1, 5}), ints({3}, {2, 4, 1})),
      args("the second is shorter", ints({3}, {4, 2, 1}), ints({1}, {7})),
      args("the first is shorter, int64", Tensor::from<int64_t>({1}, {3}), Tensor::from<int64_t>({2}, {5, 1})),
      args("a scalar's shape", ints({0}, {}), ints({2}, {3, 4})),
      args("no elements", ints({2}, {0, 1}), ints({2}, {1, 6})),
  };
}

TEST(BroadcastArgs, NamesBothShapes) {
  auto y = evaluate_op(op_table(), "BroadcastArgs", {}, std::vector<Tensor>{ints({2}, {2, 3}), ints({1}, {4})});

  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.status().message(), "BroadcastArgs 'evaluate': shapes [2, 3] and [4] do not broadcast");
}

}  // namespace
}  // namespace tarn::testing
