#include <gtest/gtest.h>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

Tensors stack(const Tensors& in, const AttrMap&) {
  Shape shape = in[0].shape();
  shape.set_dim(0, static_cast<int64_t>(in.size()));
  return {by_index(shape, [&](Index index) {
    const Tensor& row = in[static_cast<size_t>(index[0])];
    index[0] = 0;
    return at(row, index);
  })};
}

TARN_OP_CASES(parallel_concat) {
  return {
      {.op = "ParallelConcat",
       .label = "rows",
       .attrs = {{"shape", Shape{2, 3}}},
       .inputs = {uniform({1, 3}), uniform({1, 3}, -1, 1, 2)},
       .reference = stack},
      {.op = "ParallelConcat",
       .label = "one",
       .attrs = {{"shape", Shape{1, 2, 2}}},
       .inputs = {uniform({1, 2, 2})},
       .reference = stack},
      {.op = "ParallelConcat",
       .label = "the shape is not known",
       .attrs = {{"shape", Shape::unknown()}},
       .inputs = {uniform({1, 2}), uniform({1, 2}, -1, 1, 2), uniform({1, 2}, -1, 1, 3)},
       .reference = stack},
      {.op = "ParallelConcat",
       .label = "empty",
       .attrs = {{"shape", Shape{2, 0}}},
       .inputs = {uniform({1, 0}), uniform({1, 0})},
       .reference = stack},
  };
}

TEST(ParallelConcat, NamesTheValueThatIsNoRow) {
  auto y = evaluate_op(op_table(), "ParallelConcat", {{"shape", Shape{2, 3}}},
                       std::vector<Tensor>{iota({1, 3}), iota({2, 3})});

  ASSERT_FALSE(y.ok());
  EXPECT_NE(y.status().message().find("attr 'shape' is [2,3], but values[1] has shape [2,3]"), std::string_view::npos)
      << y.status().to_string();
}

}  // namespace
}  // namespace tarn::testing
