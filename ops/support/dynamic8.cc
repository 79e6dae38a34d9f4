#include "core/dynamic8_kernels.h"

#include "ops/kernels/dynamic8.h"
#include "ops/window.h"

namespace tarn {
namespace {

// The weights of a node, and what comes after its sums.
class Dynamic8Kernel : public Kernel {
 protected:
  // Where weights are: of floats themselves, or of codes.
  static kernels::Weights8Source source_of(const PrepareContext& c, int64_t k_step, int64_t n_step) {
    const Tensor& weights = c.input(1).value;
    kernels::Weights8Source source{.k_step = k_step, .n_step = n_step};
    if (weights.dtype() == DType::kFloat) {
      source.values = static_cast<const float*>(weights.data());
    } else {
      source.codes = static_cast<const uint8_t*>(weights.data());
      source.value_of_code = c.attr<Tensor>(kValuesOfCodes).flat<float>().data();
    }
    return source;
  }

  // weights_ of `runs` times `run_length` terms for n columns.
  Status take_weights(const PrepareContext& c, const kernels::Weights8Source& source, int64_t runs, int64_t run_length,
                      int64_t n) {
    has_bias_ = c.epilogue().has_bias;
    has_residual_ = c.epilogue().has_residual;
    activation_ = kernel_activation(c.epilogue().activation);
    output_ = c.output(0).shape;
    TARN_ASSIGN_OR_RETURN(const void* made,
                          c.lay_out(1, kernels::weights8_layout(source, runs, run_length, n),
                                    kernels::weights8_bytes(runs, run_length, n), memory_,
                                    [&](void* to) { kernels::pack_weights8(source, runs, run_length, n, to); }));
    weights_ = kernels::weights8_at(made, runs, run_length, n);
    return {};
  }

  kernels::Epilogue<float> epilogue(RunContext& c) const {
    return {.bias = has_bias_ ? c.input(2).as<float>() : nullptr,
            .activation = activation_,
            .residual = has_residual_ ? c.input(has_bias_ ? 3 : 2).as<float>() : nullptr};
  }

  kernels::Weights8 weights_;
  Shape output_;
  size_t scratch_bytes_ = 0;

 private:
  std::shared_ptr<void> memory_;
  bool has_bias_ = false, has_residual_ = false;
  kernels::Activation activation_ = kernels::Activation::kNone;
};

class Dynamic8MatMul : public Dynamic8Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    const Shape& weights = c.input(1).shape;
    const bool transposed = c.attr<bool>("transpose_b");
    const int64_t k = weights.dim(transposed ? 1 : 0), n = weights.dim(transposed ? 0 : 1);
    TARN_RETURN_IF_ERROR(take_weights(c, source_of(c, transposed ? 1 : n, transposed ? k : 1), 1, k, n));
    scratch_bytes_ = kernels::dynamic8_matmul_scratch_bytes(output_.dim(0), weights_);
    c.request_scratch(scratch_bytes_);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes_));
    kernels::dynamic8_matmul(c.threads(), output_.dim(0), weights_, c.input(0).as<float>(), y.as<float>(), epilogue(c),
                             scratch);
    return {};
  }
};

Result<kernels::Conv2DGeometry> geometry_of(const AttrMap& attrs, const Shape& input, const Shape& filter) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(attrs));
  return conv_geometry(window, input, filter);
}

class Dynamic8Conv2D : public Dynamic8Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(geometry_, geometry_of(c.attrs(), c.input(0).shape, c.input(1).shape));
    const auto [runs, run_length] = kernels::filter8_runs(geometry_);
    TARN_RETURN_IF_ERROR(take_weights(c, source_of(c, geometry_.out_c, 1), runs, run_length, geometry_.out_c));
    scratch_bytes_ = kernels::dynamic8_conv2d_scratch_bytes(geometry_, weights_);
    c.request_scratch(scratch_bytes_);
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output_));
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes_));
    kernels::dynamic8_conv2d(c.threads(), geometry_, weights_, c.input(0).as<float>(), y.as<float>(), epilogue(c),
                             scratch);
    return {};
  }

 private:
  kernels::Conv2DGeometry geometry_;
};

bool are_terms(int64_t terms) {
  return terms >= 1 && terms <= kernels::kMostTerms8;
}

bool takes_matmul(const AttrMap& attrs, const Shape& a, const Shape& b) {
  return a.rank() == 2 && b.rank() == 2 && !attrs.get_or<bool>("transpose_a", false) && are_terms(a.dim(1));
}

bool takes_conv2d(const AttrMap& attrs, const Shape& input, const Shape& filter) {
  if (attrs.get_or<std::string>("data_format", "NHWC") != "NHWC") return false;
  Result<kernels::Conv2DGeometry> g = geometry_of(attrs, input, filter);
  return g.ok() && g->out_h > 0 && g->out_w > 0 && are_terms(g->filter_depth());
}

struct Dynamic8Op {
  std::string_view op;
  bool (*takes)(const AttrMap& attrs, const Shape& input, const Shape& weights);
  std::unique_ptr<Kernel> (*make)();
};

constexpr Dynamic8Op kOps[] = {
    {"MatMul", takes_matmul, []() -> std::unique_ptr<Kernel> { return std::make_unique<Dynamic8MatMul>(); }},
    {"Conv2D", takes_conv2d, []() -> std::unique_ptr<Kernel> { return std::make_unique<Dynamic8Conv2D>(); }},
};

const Dynamic8Op* find_op(std::string_view op) {
  for (const Dynamic8Op& known : kOps) {
    if (known.op == op) return &known;
  }
  return nullptr;
}

bool has_elements(const Shape& shape) {
  if (!shape.is_fully_known()) return false;
  Result<int64_t> count = shape.element_count();
  return count.ok() && *count > 0;
}

}  // namespace

bool has_dynamic8_kernel(std::string_view op) {
  return find_op(op) != nullptr;
}

bool dynamic8_takes(std::string_view op, const AttrMap& attrs, const Fact& input, const Fact& weights) {
  const Dynamic8Op* known = find_op(op);
  return known != nullptr && input.dtype == DType::kFloat && weights.dtype == DType::kFloat && !input.is_ref &&
         !weights.is_ref && has_elements(input.shape) && has_elements(weights.shape) &&
         known->takes(attrs, input.shape, weights.shape);
}

std::unique_ptr<Kernel> make_dynamic8_kernel(std::string_view op) {
  return find_op(op)->make();
}

}  // namespace tarn
