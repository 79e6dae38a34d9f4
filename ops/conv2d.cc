// Conv2D. Its gradients are in conv2d_backprop.cc.
#include <optional>

#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/winograd.h"
#include "ops/window.h"

namespace tarn {
namespace {

Status infer_conv2d(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(WindowAttrs window, WindowAttrs::read(c.attrs()));
  TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window, c.shape(0), c.shape(1)));
  return c.set_output(0, conv_output(window, g));
}

template <class T>
class Conv2DKernel : public Kernel, public RowKernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    has_bias_ = c.epilogue().has_bias;
    has_residual_ = kHasResiduals && c.epilogue().has_residual;
    activation_ = kernel_activation(c.epilogue().activation);
    const Fact &input = c.input(0), &filter = c.input(1);
    std::optional<kernels::Conv2DGeometry> g;
    if (input.shape.is_fully_known() && filter.shape.is_fully_known()) {
      TARN_ASSIGN_OR_RETURN(g, conv_geometry(window_, input.shape, filter.shape));
    }
    const double most = c.settings().max_layer_error;
    choice_.max_layer_error = filter.has_value() ? most : std::min(most, kernels::kMaxLayerErrorTrained);
    if (std::is_same_v<T, float> && filter.has_value() && filter.value.element_count() > 0) {
      if (g && c.settings().ways != nullptr) choose_way(c, *g);
      TARN_RETURN_IF_ERROR(pack(c, filter.value, g));
    }
    if (!g) return {};
    c.request_scratch(scratch_bytes(*g, c.threads()));
    geometry_ = *g;
    // A transform adds the residual once the output is there.
    const bool is_direct = transformed_.data == nullptr && !transforms_in_run(*g);
    if (has_residual_ && is_direct && kernels::conv2d_is_one_pass(*g)) c.may_reuse(has_bias_ ? 3 : 2, 0);
    if (kHasStreaming && filter.has_value()) prepare_rows(filter.value);
    return {};
  }

  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &filter = c.input(1);
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window_, *x.shape, *filter.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, conv_output(window_, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    if (y.count == 0) return {};
    const T* residual = kHasResiduals && has_residual_ ? c.input(has_bias_ ? 3 : 2).as<T>() : nullptr;
    kernels::Epilogue<T> epilogue{
        .bias = has_bias_ ? c.input(2).as<T>() : nullptr, .activation = activation_, .residual = residual};
    if (x.count == 0) {
      finish_nothing(epilogue, y, g.out_c);
      return {};
    }
    TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(scratch_bytes(g, c.threads().threads())));
    convolve(c.threads(), g, transforms_in_run(g), x.as<T>(), filter.as<T>(), y.as<T>(), epilogue, scratch);
    return {};
  }

  RowKernel* by_rows() override { return kHasStreaming && rows_.images > 0 ? this : nullptr; }
  const RowWindow& row_window() const override { return rows_; }
  size_t row_scratch_bytes(int64_t rows) const override {
    const auto bytes_of = [&](const kernels::Conv2DGeometry& g) {
      const kernels::WinogradBlock block = row_block();
      return block ? kernels::winograd_forward_packed_scratch_bytes<T>(g, block, 1)
                   : kernels::conv2d_forward_packed_scratch_bytes<T>(g, 1);
    };
    // A single row may be a matrix product where more are not.
    return std::max(band_bytes(geometry_, rows_, rows, bytes_of), band_bytes(geometry_, rows_, 1, bytes_of));
  }
  size_t kept_bytes() const override {
    const kernels::WinogradBlock block = row_block();
    return block && transformed_.data == nullptr ? kernels::winograd_filter_bytes<T>(geometry_, block) : 0;
  }
  // What else would be transformed in every run would be in every band.
  Status begin_rows() override {
    if (kept_bytes() == 0) return {};
    TARN_ASSIGN_OR_RETURN(memory_, packed_memory(kept_bytes()));
    packed_ = {};
    transformed_ = kernels::winograd_pack_filter<T>(geometry_, row_block(), filter_.flat<T>().data(), memory_.get());
    return {};
  }
  void run_rows(const RowBand& band) const override {
    const kernels::Conv2DGeometry g = band_geometry(geometry_, rows_, band.first, band.rows);
    const int64_t row = band.image * rows_.out_rows + band.first;
    kernels::Epilogue<T> epilogue{.bias = has_bias_ ? band.inputs[2].as<T>() : nullptr, .activation = activation_};
    if (has_residual_) epilogue.residual = band.inputs[has_bias_ ? 3 : 2].as<T>() + row * g.out_w * g.out_c;
    convolve(band.pool, g, false, static_cast<const T*>(band.x), nullptr, static_cast<T*>(band.y), epilogue,
             band.scratch);
  }

 private:
  // `filter` is read where none is packed, or `transforms`: in the run, that is.
  void convolve(ThreadPool& pool, const kernels::Conv2DGeometry& g, bool transforms, const T* x, const T* filter, T* y,
                kernels::Epilogue<T> epilogue, void* scratch) const {
    const T* residual = epilogue.residual;
    const bool adds_last = residual != nullptr && (transformed_.data != nullptr || transforms);
    if (adds_last) epilogue = {.bias = epilogue.bias};
    if (transformed_.data != nullptr) {
      kernels::winograd_forward_packed<T>(pool, g, x, transformed_, y, epilogue, scratch);
    } else if (packed_.data != nullptr && !transforms) {
      kernels::conv2d_forward_packed<T>(pool, g, x, packed_, y, epilogue, scratch);
    } else {
      kernels::conv2d_forward<T>(pool, g, x, filter, y, epilogue, scratch, kernels::best_isa(), choice_);
    }
    if (adds_last) kernels::add_and_activate<T>(pool, activation_, g.batch * g.out_h * g.out_w * g.out_c, residual, y);
  }

  // The transform that the whole layer takes, which a band has to take too.
  kernels::WinogradBlock row_block() const {
    if (transformed_.data != nullptr) return transformed_.block;
    return kernels::forward_block<T>(choice_, geometry_, kernels::FilterUse::kVariable);
  }

  void prepare_rows(const Tensor& filter) {
    const kernels::WinogradBlock block = row_block();
    if (!block && packed_.data == nullptr) return;
    if (block && !std::is_same_v<T, float>) return;
    rows_ = tarn::row_window(geometry_, sizeof(T));
    // The filter is read once for so many pixels, or tiles, in any case; a small one stays in the nearest caches.
    constexpr size_t kSmallFilter = 128 << 10;
    constexpr int64_t kPixelsAtOnce = 112, kPixelsOfSmall = 28, kTilesAtOnce = 28;
    if (block) {
      rows_.multiple = block.h;
      const int64_t tiles = (geometry_.out_w + block.w - 1) / block.w;
      const bool is_small = kernels::winograd_filter_bytes<T>(geometry_, block) <= 2 * kSmallFilter;
      rows_.rows_at_once = is_small ? block.h : (kTilesAtOnce + tiles - 1) / tiles * block.h;
      if (transformed_.data == nullptr) filter_ = filter;
    } else {
      const int64_t pixels = filter.byte_size() <= kSmallFilter ? kPixelsOfSmall : kPixelsAtOnce;
      rows_.rows_at_once = (pixels + geometry_.out_w - 1) / std::max<int64_t>(1, geometry_.out_w);
    }
  }

  // Transformed, a 3x3 filter takes 1.8 or 4 times its bytes, and a network's are most of what its process holds:
  // beyond both of these they are made in the run, in scratch that all nodes share. A way called "kept" is that of one
  // that is kept all the same.
  static constexpr double kMostGrowth = 1.5;
  static constexpr size_t kMostMoreBytes = size_t{1} << 20;

  static bool is_small_enough(size_t transformed_bytes, size_t plain_bytes) {
    return double(transformed_bytes) <= double(plain_bytes) * kMostGrowth ||
           transformed_bytes <= plain_bytes + kMostMoreBytes;
  }

  // Ways of which a measurement may choose.
  void choose_way(const PrepareContext& c, const kernels::Conv2DGeometry& g) {
    struct Way {
      kernels::WinogradBlock block;
      bool is_kept;
    };
    std::vector<std::string> names = {"direct"};
    std::vector<Way> ways = {{{}, false}};
    const size_t plain_bytes = kernels::packed_matrix_bytes<T>(g.filter_depth(), g.out_c);
    for (const kernels::WinogradBlock& block : kernels::winograd_blocks(g, choice_.max_layer_error)) {
      names.push_back(kernels::winograd_block_name(g, block));
      ways.push_back({block, false});
      if (is_small_enough(kernels::winograd_filter_bytes<T>(g, block), plain_bytes)) continue;
      names.push_back(names.back() + ", kept");
      ways.push_back({block, true});
    }
    if (names.size() == 1) return;
    const int chosen = c.settings().ways->choose(c.node_name(), names);
    if (chosen < 0 || static_cast<size_t>(chosen) >= ways.size()) return;
    const Way& way = ways[static_cast<size_t>(chosen)];
    choice_.algorithm = way.block ? kernels::ConvAlgorithm::kWinograd : kernels::ConvAlgorithm::kDirect;
    choice_.block_h = way.block.h;
    choice_.block_w = way.block.w;
    is_kept_ = way.is_kept;
  }

  // Constant weights are laid out for the tile kernel once, transformed where that makes the layer faster. So a frozen
  // graph has other last bits than the one with variables where that takes another form, or none.
  Status pack(const PrepareContext& c, const Tensor& filter, const std::optional<kernels::Conv2DGeometry>& g) {
    const T* weights = filter.flat<T>().data();
    const auto let_go = [&](const void* data, size_t bytes) { c.let_go(data, bytes); };
    const kernels::WinogradBlock block =
        g ? kernels::forward_block<T>(choice_, *g, kernels::FilterUse::kConstant) : kernels::WinogradBlock{};
    int64_t out_c = filter.shape().dim(3), depth = filter.element_count() / out_c;
    const size_t plain_bytes = kernels::packed_matrix_bytes<T>(depth, out_c);
    if (block && (is_kept_ || is_small_enough(kernels::winograd_filter_bytes<T>(*g, block), plain_bytes))) {
      TARN_ASSIGN_OR_RETURN(const void* made,
                            c.lay_out(1, kernels::winograd_filter_layout<T>(*g, block),
                                      kernels::winograd_filter_bytes<T>(*g, block), memory_, [&](void* to) {
                                        kernels::winograd_pack_filter<T>(*g, block, weights, to, kernels::best_isa(),
                                                                         let_go);
                                      }));
      transformed_ = {static_cast<const T*>(made), block, kernels::best_isa()};
      return {};
    }
    if (g && transforms_in_run(*g)) return {};
    TARN_ASSIGN_OR_RETURN(
        const void* made,
        c.lay_out(1, kernels::packed_matrix_layout<T>(false, depth, out_c), plain_bytes, memory_, [&](void* to) {
          kernels::pack_matrix<T>(false, depth, out_c, weights, out_c, to, kernels::best_isa(), let_go);
        }));
    packed_ = {static_cast<const T*>(made), depth, out_c, kernels::best_isa()};
    return {};
  }

  size_t scratch_bytes(const kernels::Conv2DGeometry& g, int threads) const {
    if (g.batch * g.out_h * g.out_w * g.out_c * g.in_c * g.in_h * g.in_w == 0) return 0;
    if (transformed_.data != nullptr) {
      return kernels::winograd_forward_packed_scratch_bytes<T>(g, transformed_.block, threads);
    }
    return uses_packed(g) ? kernels::conv2d_forward_packed_scratch_bytes<T>(g, threads)
                          : kernels::conv2d_forward_scratch_bytes<T>(g, threads, choice_);
  }

  bool transforms_in_run(const kernels::Conv2DGeometry& g) const {
    return static_cast<bool>(kernels::forward_block<T>(choice_, g, kernels::FilterUse::kVariable));
  }

  // Packed before the sizes were known: transforming the filter in the run may be faster yet.
  bool uses_packed(const kernels::Conv2DGeometry& g) const { return packed_.data != nullptr && !transforms_in_run(g); }

  // Windows that see padding alone: y = activation(0 + bias + residual).
  static void finish_nothing(const kernels::Epilogue<T>& epilogue, const TensorView& y, int64_t channels) {
    for (int64_t i = 0; i < y.count; ++i) {
      T value = epilogue.bias != nullptr ? epilogue.bias[i % channels] : T(0);
      if (kHasResiduals && epilogue.residual != nullptr) value += epilogue.residual[i];
      if (epilogue.activation != kernels::Activation::kNone) value = std::max(value, T(0));
      if (epilogue.activation == kernels::Activation::kRelu6) value = std::min(value, T(6));
      y.as<T>()[i] = value;
    }
  }

  WindowAttrs window_;
  bool has_bias_ = false, has_residual_ = false;
  kernels::Activation activation_ = kernels::Activation::kNone;
  kernels::ConvChoice choice_;
  bool is_kept_ = false;          // transformed, however large
  std::shared_ptr<void> memory_;  // of the one that is used
  kernels::PackedMatrix<T> packed_;
  kernels::WinogradFilter<T> transformed_;
  kernels::Conv2DGeometry geometry_;  // if the sizes are known
  RowWindow rows_;
  Tensor filter_;  // to be transformed if it runs by rows
};

// Integers are not hot: plain loops, sums that wrap.
class IntegerConv2DKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_ASSIGN_OR_RETURN(window_, WindowAttrs::read(c.attrs()));
    epilogue_ = c.epilogue();
    return {};
  }
  Status run(RunContext& c) const override {
    const TensorView &x = c.input(0), &filter = c.input(1);
    TARN_ASSIGN_OR_RETURN(kernels::Conv2DGeometry g, conv_geometry(window_, *x.shape, *filter.shape));
    TARN_ASSIGN_OR_RETURN(Shape shape, conv_output(window_, g));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, shape));
    const auto* bias = epilogue_.has_bias ? c.input(2).as<int32_t>() : nullptr;
    int64_t work = std::max<int64_t>(1, std::min(g.filter_depth(), kElementsPerRange));
    c.threads().parallel_for(y.count, std::max<int64_t>(1, kElementsPerRange / work),
                             [&](int64_t begin, int64_t end, int) {
                               for (int64_t at = begin; at < end; ++at) {
                                 int32_t sum = window_sum(g, x.as<int32_t>(), filter.as<int32_t>(), at);
                                 if (bias != nullptr) sum = wrap_add(sum, bias[at % g.out_c]);
                                 if (epilogue_.activation != Activation::kNone) sum = std::max(sum, 0);
                                 if (epilogue_.activation == Activation::kRelu6) sum = std::min(sum, 6);
                                 y.as<int32_t>()[at] = sum;
                               }
                             });
    return {};
  }

 private:
  static int32_t window_sum(const kernels::Conv2DGeometry& g, const int32_t* x, const int32_t* filter, int64_t at) {
    int64_t out = at % g.out_c, pixel = at / g.out_c;
    int64_t left = pixel % g.out_w * g.stride_w - g.pad_left;
    int64_t top = pixel / g.out_w % g.out_h * g.stride_h - g.pad_top;
    int64_t image = pixel / (g.out_w * g.out_h);
    int32_t sum = 0;
    for (int64_t i = 0; i < g.filter_h; ++i) {
      int64_t row = top + i * g.dilation_h;
      for (int64_t j = 0; j < g.filter_w && row >= 0 && row < g.in_h; ++j) {
        int64_t column = left + j * g.dilation_w;
        if (column < 0 || column >= g.in_w) continue;
        const int32_t* cell = x + ((image * g.in_h + row) * g.in_w + column) * g.in_c;
        const int32_t* weights = filter + (i * g.filter_w + j) * g.in_c * g.out_c + out;
        for (int64_t k = 0; k < g.in_c; ++k) sum = wrap_add(sum, wrap_multiply(cell[k], weights[k * g.out_c]));
      }
    }
    return sum;
  }

  WindowAttrs window_;
  FusedEpilogue epilogue_;
};

constexpr Layout kLayout{.inputs = {Operand::kImage}, .outputs = {Operand::kImage}};

constexpr KernelDef kKernels[] = {
    adapted_kernel<Conv2DKernel<float>, DType::kFloat, kLayout>(),
    adapted_kernel<Conv2DKernel<double>, DType::kDouble, kLayout>(),
    adapted_kernel<Conv2DKernel<float>, DType::kHalf, kLayout>(),
    adapted_kernel<Conv2DKernel<float>, DType::kBFloat16, kLayout>(),
    adapted_kernel<IntegerConv2DKernel, DType::kInt32, kLayout>(),
};

Status conv2d_gradient(GradContext& c) {
  return convolution_gradient(c, kConv2DOps);
}

constexpr std::string_view kDoc = R"(Convolves `input` with `filter` (cross-correlation, as in TensorFlow 1.x).
  input   T[N, H, W, C]   filter  T[kh, kw, C, K]   returns  T[N, H', W', K]
  strides, dilations: one number a dim of the input, 1 for batch and channels.
  SAME: H' = ceil(H / stride), half of the missing cells in front;  VALID: H' = ceil((H - extent + 1) / stride),
  extent = (kh - 1) * dilation + 1;  EXPLICIT: VALID on an input padded by explicit_paddings.
  Errors: InvalidArgument if C differs, naming both, or the filter does not fit; Unimplemented for groups.
  Source: TensorFlow nn_ops Conv2D; Dumoulin and Visin 2016, sec. 2.)";

}  // namespace

extern const OpDef op_Conv2D;
const OpDef op_Conv2D = {
    .name = "Conv2D",
    .inputs = "input: T, filter: T",
    .outputs = "output: T",
    .attrs =
        "T: {half, bfloat16, float, double, int32}; strides: list(int); use_cudnn_on_gpu: bool = true; "
        "padding: {'SAME', 'VALID', 'EXPLICIT'}; explicit_paddings: list(int) = []; "
        "data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]",
    .traits = kTakesEpilogue | kTakesResidual,
    .infer = infer_conv2d,
    .kernels = kKernels,
};

TARN_OP_FILE(conv2d, {&op_Conv2D, kDoc, conv2d_gradient})

}  // namespace tarn
