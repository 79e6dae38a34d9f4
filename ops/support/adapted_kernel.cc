#include "ops/adapted_kernel.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

bool is_narrow(DType dtype) {
  return dtype == DType::kHalf || dtype == DType::kBFloat16;
}

void widen_elements(ThreadPool& threads, DType from, const void* x, void* y, int64_t n) {
  const auto* in = static_cast<const uint16_t*>(x);
  auto* out = static_cast<float*>(y);
  threads.parallel_for(n, kElementsPerRange, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = from == DType::kHalf ? half_to_float(in[i]) : bfloat16_to_float(in[i]);
    }
  });
}

void narrow_elements(ThreadPool& threads, DType to, const void* x, void* y, int64_t n) {
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<uint16_t*>(y);
  threads.parallel_for(n, kElementsPerRange, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = to == DType::kHalf ? float_to_half(in[i]) : float_to_bfloat16(in[i]);
    }
  });
}

// Dim d of an image with the channels last is dim channels_last_dim(d) of the one with them first.
int first_dim_of(int d, int rank) {
  return d == 0 ? 0 : d == rank - 1 ? 1 : d + 1;
}
int last_dim_of(int d, int rank) {
  return d == 0 ? 0 : d == 1 ? rank - 1 : d - 1;
}

template <class T>
std::vector<T> to_channels_last(std::span<const T> dims) {
  std::vector<T> out;
  int rank = static_cast<int>(dims.size());
  for (int d = 0; d < rank; ++d) out.push_back(dims[static_cast<size_t>(rank < 3 ? d : first_dim_of(d, rank))]);
  return out;
}

Shape to_channels_last(const Shape& shape) {
  return shape.has_rank() ? Shape(to_channels_last(shape.dims())) : shape;
}

Shape to_channels_first(const Shape& shape) {
  Shape out = shape;
  int rank = shape.rank();
  for (int d = 0; d < rank && rank >= 3; ++d) out.set_dim(d, shape.dim(last_dim_of(d, rank)));
  return out;
}

// Elements of an image from one format into the other; `last` is its shape with the channels last.
Status move_channels(ThreadPool& threads, DType dtype, const Shape& last, bool to_last, void* to, const void* from) {
  int rank = last.rank();
  std::vector<int64_t> last_strides(static_cast<size_t>(rank)), first_strides(static_cast<size_t>(rank));
  row_strides(last, last_strides);
  row_strides(to_channels_first(last), first_strides);
  StridedCopy copy;
  for (int d = 0; d < rank; ++d) {
    int64_t a = last_strides[static_cast<size_t>(d)];
    int64_t b = first_strides[static_cast<size_t>(rank < 3 ? d : first_dim_of(d, rank))];
    TARN_RETURN_IF_ERROR(to_last ? copy.add_dim(last.dim(d), a, b) : copy.add_dim(last.dim(d), b, a));
  }
  copy.run(dtype, to, from, threads);
  return {};
}

// Which of a node's operands the kernel sees otherwise.
struct Adaptation {
  DType narrow = DType::kInvalid;  // this dtype becomes float
  bool channels_first = false;
  Layout layout;

  bool converts(DType dtype) const { return narrow != DType::kInvalid && dtype == narrow; }
  Operand operand(const Operand* operands, int i) const {
    return channels_first && i < Layout::kMostOperands ? operands[i] : Operand::kPlain;
  }
  Operand input(int i) const { return operand(layout.inputs, i); }
  Operand output(int i) const { return operand(layout.outputs, i); }
  DType seen(DType dtype) const { return converts(dtype) ? DType::kFloat : dtype; }
};

Result<Tensor> adapted_input(RunContext& c, const Adaptation& how, int i) {
  const TensorView& x = c.input(i);
  Operand operand = how.input(i);
  Tensor moved;
  const void* from = x.data;
  Shape shape = *x.shape;
  if (operand == Operand::kImage) {
    shape = to_channels_last(shape);
    TARN_ASSIGN_OR_RETURN(moved, Tensor::allocate(x.dtype, shape));
    if (x.count > 0) TARN_RETURN_IF_ERROR(move_channels(c.threads(), x.dtype, shape, true, moved.mutable_data(), from));
    from = moved.data();
  } else if (operand == Operand::kSizes) {
    IntList sizes = IntList::of(x);
    std::vector<int64_t> dims;
    for (int64_t k = 0; k < sizes.size(); ++k) dims.push_back(sizes[k]);
    std::optional<Tensor> last = int_tensor(x.dtype, shape, to_channels_last(std::span<const int64_t>(dims)));
    if (!last) return invalid_argument("a size of ", sizes, " does not fit ", x.dtype);
    return *std::move(last);
  }
  if (!how.converts(x.dtype)) return moved;
  TARN_ASSIGN_OR_RETURN(Tensor wide, Tensor::allocate(DType::kFloat, shape));
  widen_elements(c.threads(), x.dtype, from, wide.mutable_data(), x.count);
  return wide;
}

class AdaptedContext : public RunContext {
 public:
  AdaptedContext(RunContext& outer, const Adaptation& how)
      : outer_(outer), how_(how), outputs_(static_cast<size_t>(outer.output_count())) {
    output_count_ = outer.output_count();
    pool_ = &outer.threads();
    services_ = &outer.services();
    node_ = outer.node_name();
  }

  Status convert_inputs() {
    for (int i = 0; i < outer_.input_count(); ++i) {
      const TensorView& x = outer_.input(i);
      Tensor converted;
      if (how_.converts(x.dtype) || how_.input(i) != Operand::kPlain) {
        TARN_ASSIGN_OR_RETURN(converted, adapted_input(outer_, how_, i));
      }
      tensors_.push_back(std::move(converted));
    }
    for (int i = 0; i < outer_.input_count(); ++i) {
      const Tensor& t = tensors_[static_cast<size_t>(i)];
      views_.push_back(t.is_valid() ? TensorView{t.dtype(), &t.shape(), const_cast<void*>(t.data()), t.element_count()}
                                    : outer_.input(i));
    }
    inputs_ = views_;
    return {};
  }

  Status write_outputs() {
    for (int i = 0; i < output_count_; ++i) {
      Output& output = outputs_[static_cast<size_t>(i)];
      if (!output.made.is_valid() || output.made.element_count() == 0) continue;
      const TensorView& y = output.real;
      const void* from = output.made.data();
      bool moves = how_.output(i) == Operand::kImage;
      Tensor narrow;
      if (output.made.dtype() != y.dtype) {
        void* to = y.data;
        if (moves) {
          TARN_ASSIGN_OR_RETURN(narrow, Tensor::allocate(y.dtype, output.made.shape()));
          to = narrow.mutable_data();
        }
        narrow_elements(threads(), y.dtype, from, to, y.count);
        from = to;
      }
      if (moves) {
        TARN_RETURN_IF_ERROR(move_channels(threads(), y.dtype, output.made.shape(), false, y.data, from));
      }
    }
    return {};
  }

  Variable* variable(int i) override { return outer_.variable(i); }
  Result<TensorView> output(int i, const Shape& shape) override {
    bool moves = how_.output(i) == Operand::kImage;
    Output& output = outputs_[static_cast<size_t>(i)];
    TARN_ASSIGN_OR_RETURN(output.real, outer_.output(i, moves ? to_channels_first(shape) : shape));
    if (!moves && !how_.converts(output.real.dtype)) return output.real;
    TARN_ASSIGN_OR_RETURN(output.made, Tensor::allocate(how_.seen(output.real.dtype), shape));
    return TensorView{output.made.dtype(), &output.made.shape(), output.made.mutable_data(),
                      output.made.element_count()};
  }
  Status forward(int input, int output, const Shape& shape) override { return outer_.forward(input, output, shape); }
  void set_variable(int output, Variable* variable) override { outer_.set_variable(output, variable); }
  void set_output(int output, Tensor tensor) override { outer_.set_output(output, std::move(tensor)); }
  Result<void*> scratch(size_t bytes) override { return outer_.scratch(bytes); }

 private:
  struct Output {
    TensorView real;
    Tensor made;  // what the kernel writes, if that is not `real`
  };
  RunContext& outer_;
  const Adaptation& how_;
  std::vector<Tensor> tensors_;
  std::vector<TensorView> views_;
  std::vector<Output> outputs_;
};

class AdaptedKernel : public Kernel {
 public:
  AdaptedKernel(std::unique_ptr<Kernel> kernel, DType dtype, const Layout& layout) : kernel_(std::move(kernel)) {
    how_.layout = layout;
    for (Operand operand : layout.inputs) moves_ = moves_ || operand != Operand::kPlain;
    for (Operand operand : layout.outputs) moves_ = moves_ || operand != Operand::kPlain;
    if (is_narrow(dtype)) how_.narrow = dtype;
  }

  Status prepare(PrepareContext& c) override {
    std::string format = c.attrs().get_or<std::string>("data_format", "");
    how_.channels_first = moves_ && (format == "NCHW" || format == "NCDHW");
    adapts_ = how_.channels_first || how_.narrow != DType::kInvalid;
    if (!adapts_) return kernel_->prepare(c);
    adapt_attrs(c.attrs());
    std::vector<Fact> inputs, outputs;
    for (int i = 0; i < c.input_count(); ++i) inputs.push_back(seen_fact(c.input(i), how_.input(i)));
    for (int i = 0; i < c.output_count(); ++i) outputs.push_back(seen_fact(c.output(i), how_.output(i)));
    for (Fact& fact : inputs) TARN_RETURN_IF_ERROR(widen_value(fact));
    PrepareContext inner(c.op_name(), c.node_name(), attrs_, inputs, outputs, c.epilogue(), c.settings());
    TARN_RETURN_IF_ERROR(kernel_->prepare(inner));
    values_.clear();
    for (const Fact& fact : inputs) values_.push_back(fact.value);  // kernels may look at them while they run
    c.request_scratch(inner.request().scratch_bytes);
    return {};
  }

  Status run(RunContext& c) const override {
    if (!adapts_) return kernel_->run(c);
    AdaptedContext inner(c, how_);
    TARN_RETURN_IF_ERROR(inner.convert_inputs());
    TARN_RETURN_IF_ERROR(kernel_->run(inner));
    return inner.write_outputs();
  }
  RowKernel* by_rows() override { return adapts_ ? nullptr : kernel_->by_rows(); }

 private:
  void adapt_attrs(const AttrMap& attrs) {
    attrs_ = attrs;
    for (const auto& [name, value] : attrs) {
      if (value.is<DType>() && how_.converts(value.as<DType>())) attrs_.set(name, DType::kFloat);
      if (!how_.channels_first || !value.is<std::vector<int64_t>>()) continue;
      const auto& list = value.as<std::vector<int64_t>>();
      if (name == "strides" || name == "dilations" || name == "ksize") {
        attrs_.set(name, to_channels_last(std::span<const int64_t>(list)));
      } else if (name == "explicit_paddings") {
        std::vector<std::pair<int64_t, int64_t>> pairs;
        for (size_t i = 0; i + 1 < list.size(); i += 2) pairs.emplace_back(list[i], list[i + 1]);
        std::vector<int64_t> moved;
        for (auto [before, after] : to_channels_last(std::span<const std::pair<int64_t, int64_t>>(pairs))) {
          moved.insert(moved.end(), {before, after});
        }
        attrs_.set(name, moved);
      }
    }
    if (!how_.channels_first) return;
    attrs_.set("data_format", attrs.get<std::string>("data_format") == "NCHW" ? "NHWC" : "NDHWC");
  }

  Fact seen_fact(const Fact& fact, Operand operand) const {
    Fact seen = fact;
    if (operand != Operand::kPlain) {  // the value's elements stand elsewhere
      seen.value = Tensor();
      seen.elements.clear();
    }
    if (operand == Operand::kImage) seen.shape = to_channels_last(fact.shape);
    seen.dtype = how_.seen(fact.dtype);
    return seen;
  }

  Status widen_value(Fact& fact) const {
    if (!fact.has_value() || fact.value.dtype() == fact.dtype) return {};
    TARN_ASSIGN_OR_RETURN(Tensor wide, Tensor::allocate(fact.dtype, fact.value.shape()));
    ThreadPool one(1);
    widen_elements(one, fact.value.dtype(), fact.value.data(), wide.mutable_data(), wide.element_count());
    fact.value = std::move(wide);
    return {};
  }

  std::unique_ptr<Kernel> kernel_;
  Adaptation how_;
  AttrMap attrs_;
  std::vector<Tensor> values_;
  bool moves_ = false;  // it has operands whose channels it wants last; a kernel that has none looks at data_format
  bool adapts_ = false;
};

}  // namespace

std::unique_ptr<Kernel> adapt(std::unique_ptr<Kernel> kernel, DType dtype, const Layout& layout) {
  return std::make_unique<AdaptedKernel>(std::move(kernel), dtype, layout);
}

}  // namespace tarn
