#include "ops/apply.h"

namespace tarn {
namespace {

template <class ShapeOf>
Status judge(const ApplyInputs& inputs, const ShapeOf& shape_of, Shape& merged) {
  merged = shape_of(0);
  for (int i = 1; i < static_cast<int>(inputs.names.size()); ++i) {
    const Shape& shape = shape_of(i);
    std::string_view name = inputs.names[static_cast<size_t>(i)];
    if (i < inputs.refs || i == inputs.grad) {
      Result<Shape> both = merged.merge(shape);
      if (!both.ok()) {
        return invalid_argument("'", inputs.names[0], "' has shape ", merged.to_string(), " but '", name, "' has ",
                                shape.to_string());
      }
      merged = *both;
    } else if (shape.has_rank() && shape.rank() != 0) {
      return invalid_argument("'", name, "' must be a scalar, has shape ", shape.to_string());
    }
  }
  return {};
}

}  // namespace

Status infer_apply(InferContext& c, const ApplyInputs& inputs) {
  for (int i = 0; i < inputs.refs; ++i) TARN_RETURN_IF_ERROR(expect_variable_of(c, i, "T"));
  Shape merged;
  TARN_RETURN_IF_ERROR(judge(
      inputs, [&](int i) -> const Shape& { return c.variable(i).shape; }, merged));
  return c.output_count() > 0 ? c.set_output(0, merged) : Status();
}

Status judge_apply(RunContext& c, const ApplyInputs& inputs) {
  for (int i = 0; i < inputs.refs; ++i) {
    if (c.variable(i)->is_initialized()) continue;
    return failed_precondition("variable ", quoted(c.variable(i)->name()), " is used before it has a value");
  }
  Shape merged;
  return judge(
      inputs,
      [&](int i) -> const Shape& { return i < inputs.refs ? c.variable(i)->value().shape() : *c.input(i).shape; },
      merged);
}

}  // namespace tarn
