// StringJoin, ReduceJoin.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// All shapes that are not scalars must be one.
Status infer_join(InferContext& c) {
  Shape shape;
  bool any_unknown = false;
  for (int i = 0; i < c.input_count(); ++i) {
    if (!c.shape(i).has_rank()) {
      any_unknown = true;
    } else if (!c.shape(i).is_scalar()) {
      Result<Shape> merged = shape.is_scalar() ? Result<Shape>(c.shape(i)) : shape.merge(c.shape(i));
      if (!merged.ok()) {
        return invalid_argument("Input shapes do not match: ", shape.to_string(), " vs. ", c.shape(i).to_string());
      }
      shape = *merged;
    }
  }
  return c.set_output(0, any_unknown && shape.is_scalar() ? Shape::unknown() : shape);
}

class JoinKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    separator_ = c.attr<std::string>("separator");
    return {};
  }
  Status run(RunContext& c) const override {
    Shape shape;
    for (int i = 0; i < c.input_count(); ++i) {
      const Shape& other = *c.input(i).shape;
      if (other.is_scalar()) continue;
      if (!shape.is_scalar() && !(shape == other)) {
        return invalid_argument("Input shapes do not match: ", shape.to_string(), " vs. ", other.to_string());
      }
      shape = other;
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    for (int64_t e = 0; e < y.count; ++e) {
      std::string joined;
      for (int i = 0; i < c.input_count(); ++i) {
        if (i > 0) joined += separator_;
        joined += c.input(i).as<std::string>()[c.input(i).shape->is_scalar() ? 0 : e];
      }
      y.as<std::string>()[e] = std::move(joined);
    }
    return {};
  }

 private:
  std::string separator_;
};

Result<std::vector<bool>> reduced_dims(const Shape& shape, const IntList& indices) {
  std::vector<bool> is_reduced(static_cast<size_t>(shape.rank()), false);
  for (int64_t i = 0; i < indices.size(); ++i) {
    TARN_ASSIGN_OR_RETURN(int dim, resolve_axis(indices[i], shape.rank(), "reduction_indices"));
    if (is_reduced[static_cast<size_t>(dim)]) {
      return invalid_argument("reduction_indices names dim ", dim, " twice: ", indices.to_string());
    }
    is_reduced[static_cast<size_t>(dim)] = true;
  }
  return is_reduced;
}

Shape without(const Shape& shape, const std::vector<bool>& is_reduced, bool keep) {
  Shape rest;
  for (int d = 0; d < shape.rank(); ++d) {
    if (!is_reduced[static_cast<size_t>(d)]) {
      rest.add_dim(shape.dim(d));
    } else if (keep) {
      rest.add_dim(1);
    }
  }
  return rest;
}

Status judge_indices(const Shape& indices) {
  if (!indices.has_rank() || indices.rank() <= 1) return {};
  return invalid_argument("reduction_indices must be a vector, has shape ", indices.to_string());
}

Status infer_reduce_join(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_indices(c.shape(1)));
  std::optional<IntList> indices = IntList::known(c, 1);
  if (!indices || !c.shape(0).has_rank()) return c.set_output(0, Shape::unknown());
  TARN_ASSIGN_OR_RETURN(std::vector<bool> is_reduced, reduced_dims(c.shape(0), *indices));
  return c.set_output(0, without(c.shape(0), is_reduced, c.attr<bool>("keep_dims")));
}

class ReduceJoinKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    separator_ = c.attr<std::string>("separator");
    keep_ = c.attr<bool>("keep_dims");
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView& x = c.input(0);
    const Shape& shape = *x.shape;
    TARN_RETURN_IF_ERROR(judge_indices(*c.input(1).shape));
    IntList indices = IntList::of(c.input(1));
    TARN_ASSIGN_OR_RETURN(std::vector<bool> is_reduced, reduced_dims(shape, indices));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, without(shape, is_reduced, keep_)));
    // The dim that is named first runs fastest.
    std::vector<int> order;
    for (int64_t i = indices.size(); i-- > 0;) {
      order.push_back(static_cast<int>((indices[i] + shape.rank()) % shape.rank()));
    }
    std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 1);
    for (int d = shape.rank() - 2; d >= 0; --d)
      strides[static_cast<size_t>(d)] = strides[static_cast<size_t>(d + 1)] * shape.dim(d + 1);
    int64_t joined = 1;
    for (int d : order) joined *= shape.dim(d);
    for (int64_t e = 0; e < y.count; ++e) {
      int64_t base = 0, rest = e;
      for (int d = shape.rank() - 1; d >= 0; --d) {
        if (is_reduced[static_cast<size_t>(d)]) continue;
        base += rest % shape.dim(d) * strides[static_cast<size_t>(d)];
        rest /= shape.dim(d);
      }
      std::string text;
      for (int64_t j = 0; j < joined; ++j) {
        int64_t at = base, left = j;
        for (size_t k = order.size(); k-- > 0;) {
          at += left % shape.dim(order[k]) * strides[static_cast<size_t>(order[k])];
          left /= shape.dim(order[k]);
        }
        if (j > 0) text += separator_;
        text += x.as<std::string>()[at];
      }
      y.as<std::string>()[e] = std::move(text);
    }
    return {};
  }

 private:
  std::string separator_;
  bool keep_ = false;
};

constexpr KernelDef kKernels[] = {portable_kernel<JoinKernel>()};
constexpr KernelDef kReduceKernels[] = {portable_kernel<ReduceJoinKernel>()};

constexpr std::string_view kDoc = R"(Strings put together, element by element, with a separator between.
  inputs  N tensors string, of one shape; scalars go with every element   returns  string of that shape
  Errors: InvalidArgument for shapes that differ.   Source: TensorFlow string_ops StringJoin.)";
constexpr std::string_view kReduceDoc = R"(Strings of a tensor put together along dims, with a separator between.
  inputs  string[...]   reduction_indices  int32[n]: the dims, the one named first runs fastest
  returns  string, without those dims (of size 1 with keep_dims)
  Source: TensorFlow string_ops ReduceJoin.)";

}  // namespace

extern const OpDef op_StringJoin, op_ReduceJoin;
const OpDef op_StringJoin = {
    .name = "StringJoin",
    .inputs = "inputs: N * string",
    .outputs = "output: string",
    .attrs = "N: int >= 1; separator: string = ''",
    .infer = infer_join,
    .kernels = kKernels,
};
const OpDef op_ReduceJoin = {
    .name = "ReduceJoin",
    .inputs = "inputs: string, reduction_indices: int32",
    .outputs = "output: string",
    .attrs = "keep_dims: bool = false; separator: string = ''",
    .infer = infer_reduce_join,
    .kernels = kReduceKernels,
};

TARN_OP_FILE(string_join, {&op_StringJoin, kDoc, nullptr, "strings have no gradient"},
             {&op_ReduceJoin, kReduceDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
