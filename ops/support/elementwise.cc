#include "ops/elementwise.h"

namespace tarn {

Status run_unary(RunContext& c, size_t in_size, size_t out_size, UnaryLoop loop) {
  const TensorView& x = c.input(0);
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *x.shape));
  const char* in = x.as<char>();
  char* out = y.as<char>();
  c.threads().parallel_for(x.count, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
    auto first = static_cast<size_t>(begin);
    loop(in + first * in_size, out + first * out_size, end - begin);
  });
  return {};
}

void prepare_binary(PrepareContext& c, bool same_size) {
  // In place only where the input has the output's shape: each element is read just before it is written.
  for (int i = 0; i < 2; ++i) {
    const Shape& shape = c.input(i).shape;
    if (same_size && shape.is_fully_known() && shape == c.output(0).shape) c.may_reuse(i, 0);
  }
}

Status run_binary(RunContext& c, size_t in_size, size_t out_size, BinaryLoop loop) {
  TARN_ASSIGN_OR_RETURN(BroadcastPlan plan, BroadcastPlan::make(*c.input(0).shape, *c.input(1).shape));
  TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, plan.output));
  if (y.count == 0) return {};
  const char* a = c.input(0).as<char>();
  const char* b = c.input(1).as<char>();
  char* out = y.as<char>();
  auto row = [&](int64_t ao, int64_t bo, int64_t oo, int64_t a_step, int64_t b_step, int64_t n) {
    loop(a + static_cast<size_t>(ao) * in_size, b + static_cast<size_t>(bo) * in_size,
         out + static_cast<size_t>(oo) * out_size, a_step, b_step, n);
  };
  int64_t n = plan.dims[plan.rank - 1];
  if (plan.rank == 1) {  // one long row: split it
    int64_t a_step = plan.a_stride[0], b_step = plan.b_stride[0];
    c.threads().parallel_for(n, kElementsPerRange, [&](int64_t begin, int64_t end, int) {
      row(begin * a_step, begin * b_step, begin, a_step, b_step, end - begin);
    });
    return {};
  }
  c.threads().parallel_for(y.count / n, std::max<int64_t>(1, kElementsPerRange / n),
                           [&](int64_t begin, int64_t end, int) { walk_rows(plan, begin, end, row); });
  return {};
}

std::string element_position(const Shape& shape, int64_t flat) {
  std::string text;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    text = str_cat(d > 0 ? "," : "", flat % shape.dim(d), text);
    flat /= shape.dim(d);
  }
  return "[" + text + "]";
}

}  // namespace tarn
