// SpaceToBatchND and BatchToSpaceND, and SpaceToBatch and BatchToSpace, their older forms for images.
#include "core/op.h"
#include "ops/gradients.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// The sizes of a block, from the input block_shape or, for every one of two dims, from the attr block_size.
class Block {
 public:
  explicit Block(const IntList& sizes) : sizes_(sizes), count_(sizes.size()) {}
  explicit Block(int64_t size) : size_(size), count_(2) {}
  int64_t count() const { return count_; }
  int64_t operator[](int64_t i) const { return sizes_ ? (*sizes_)[i] : size_; }
  Status judge() const {
    for (int64_t i = 0; i < count_; ++i) {
      if ((*this)[i] < 1) return invalid_argument("block_shape[", i, "] must be at least 1, not ", (*this)[i]);
    }
    return {};
  }
  Result<int64_t> volume() const {
    int64_t product = 1;
    for (int64_t i = 0; i < count_; ++i) {
      Result<int64_t> next = checked_multiply(product, (*this)[i]);
      if (!next.ok()) return next.status().with_context("block_shape");
      product = *next;
    }
    return product;
  }

 private:
  std::optional<IntList> sizes_;
  int64_t size_ = 0, count_;
};

Status judge_shapes(const Shape& input, const Shape& block, const Shape& margins, std::string_view name) {
  int64_t spatial = block.has_rank() ? block.dim(0) : kUnknownDim;
  if (!margins.is_compatible_with(Shape{spatial, 2})) {
    return invalid_argument(name, " must have shape [", spatial, ",2], one row a dim of the block, have ",
                            margins.to_string());
  }
  if (margins.has_rank() && spatial == kUnknownDim) spatial = margins.dim(0);
  if (spatial != kUnknownDim && (spatial < 0 || spatial >= kMaxRank)) {
    return invalid_argument("block_shape has ", spatial, " elements, at most ", kMaxRank - 1);
  }
  if (!input.has_rank()) return {};
  if (input.rank() < 1 || input.rank() - 1 < spatial) {
    return invalid_argument("a block of ", spatial, " dims needs an input of rank ", spatial + 1, " at least, not ",
                            input.to_string());
  }
  return {};
}

Status judge_margins(const IntList& margins, int64_t i, std::string_view name) {
  int64_t before = margins[2 * i], behind = margins[2 * i + 1];
  if (before >= 0 && behind >= 0) return {};
  return invalid_argument(name, " of dim ", i + 1, " must be >= 0, are ", before, " and ", behind);
}

// [b, s, rest] -> [b * volume, (s + paddings) / block, rest].
Result<Shape> batched_shape(const Shape& shape, const Block& block, const IntList& paddings) {
  TARN_RETURN_IF_ERROR(block.judge());
  TARN_ASSIGN_OR_RETURN(int64_t volume, block.volume());
  Shape output = shape;
  if (shape.dim(0) != kUnknownDim) {
    TARN_ASSIGN_OR_RETURN(int64_t batch, checked_multiply(shape.dim(0), volume));
    output.set_dim(0, batch);
  }
  for (int64_t i = 0; i < block.count(); ++i) {
    TARN_RETURN_IF_ERROR(judge_margins(paddings, i, "paddings"));
    int d = static_cast<int>(i) + 1;
    int64_t dim = shape.dim(d), padded = 0, before = paddings[2 * i], behind = paddings[2 * i + 1];
    if (dim == kUnknownDim) continue;
    if (__builtin_add_overflow(dim, before, &padded) || __builtin_add_overflow(padded, behind, &padded)) {
      return invalid_argument("dim ", d, " = ", dim, " with paddings ", before, " and ", behind, " leaves int64");
    }
    if (padded % block[i] != 0) {
      return invalid_argument("dim ", d, " with its paddings is ", padded, ", no multiple of block_shape[", i,
                              "] = ", block[i]);
    }
    output.set_dim(d, padded / block[i]);
  }
  return output;
}

// [b * volume, s, rest] -> [b, s * block - crops, rest].
Result<Shape> spread_shape(const Shape& shape, const Block& block, const IntList& crops) {
  TARN_RETURN_IF_ERROR(block.judge());
  TARN_ASSIGN_OR_RETURN(int64_t volume, block.volume());
  Shape output = shape;
  if (shape.dim(0) != kUnknownDim) {
    if (shape.dim(0) % volume != 0) {
      return invalid_argument("the batch, ", shape.dim(0), ", must be a multiple of the ", volume,
                              " elements of a block");
    }
    output.set_dim(0, shape.dim(0) / volume);
  }
  for (int64_t i = 0; i < block.count(); ++i) {
    TARN_RETURN_IF_ERROR(judge_margins(crops, i, "crops"));
    int d = static_cast<int>(i) + 1;
    if (shape.dim(d) == kUnknownDim) continue;
    TARN_ASSIGN_OR_RETURN(int64_t dim, checked_multiply(shape.dim(d), block[i]));
    int64_t before = crops[2 * i], behind = crops[2 * i + 1];
    if (before > dim || behind > dim - before) {
      return invalid_argument("crops of dim ", d, ", ", before, " and ", behind, ", are more than its ", dim,
                              " elements");
    }
    output.set_dim(d, dim - before - behind);
  }
  return output;
}

// Inputs are input, block_shape and margins, or without block_shape.
template <bool kToBatch>
Status infer(InferContext& c) {
  constexpr std::string_view kName = kToBatch ? "paddings" : "crops";
  bool is_nd = c.input_count() > 2;
  int margins = is_nd ? 2 : 1;
  TARN_RETURN_IF_ERROR(c.expect_rank(margins, 2, kName));
  if (is_nd) {
    TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "block_shape"));
  } else {
    TARN_RETURN_IF_ERROR(c.expect_rank(0, 4, "input"));
  }
  const Shape& shape = c.shape(0);
  TARN_RETURN_IF_ERROR(judge_shapes(shape, is_nd ? c.shape(1) : Shape{2}, c.shape(margins), kName));
  if (!shape.has_rank()) return is_nd ? Status() : c.set_output(0, Shape::unknown_of_rank(4));
  std::optional<IntList> known_margins = IntList::known(c, margins);
  std::optional<IntList> known_block = is_nd ? IntList::known(c, 1) : std::nullopt;
  if (!known_margins || (is_nd && !known_block)) {
    // Only the dims behind those of the block stay as they are.
    int64_t spatial = !is_nd ? 2 : c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
    Shape output = Shape::unknown_of_rank(shape.rank());
    for (int d = static_cast<int>(spatial) + 1; d < shape.rank() && spatial != kUnknownDim; ++d) {
      output.set_dim(d, shape.dim(d));
    }
    return c.set_output(0, output);
  }
  Block block = is_nd ? Block(*known_block) : Block(c.attr<int64_t>("block_size"));
  TARN_ASSIGN_OR_RETURN(Shape output, kToBatch ? batched_shape(shape, block, *known_margins)
                                               : spread_shape(shape, block, *known_margins));
  return set_output_checked(c, 0, output);
}

template <bool kToBatch>
class BlockKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    block_size_ = c.attrs().get_or<int64_t>("block_size", 0);
    return {};
  }
  Status run(RunContext& c) const override {
    constexpr std::string_view kName = kToBatch ? "paddings" : "crops";
    const TensorView& x = c.input(0);
    bool is_nd = c.input_count() > 2;
    const TensorView& margin_view = c.input(is_nd ? 2 : 1);
    if (is_nd && c.input(1).shape->rank() != 1) {
      return invalid_argument("input 'block_shape' must have rank 1, has shape ", c.input(1).shape->to_string());
    }
    if (!is_nd && x.shape->rank() != 4) {
      return invalid_argument("input 'input' must have rank 4, has shape ", x.shape->to_string());
    }
    TARN_RETURN_IF_ERROR(judge_shapes(*x.shape, is_nd ? *c.input(1).shape : Shape{2}, *margin_view.shape, kName));
    Block block = is_nd ? Block(IntList::of(c.input(1))) : Block(block_size_);
    IntList margins = IntList::of(margin_view);
    TARN_ASSIGN_OR_RETURN(Shape output,
                          kToBatch ? batched_shape(*x.shape, block, margins) : spread_shape(*x.shape, block, margins));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, output));
    if (y.count == 0) return {};
    if (kToBatch) {
      bool has_padding = false;
      for (int64_t i = 0; i < margins.size(); ++i) has_padding = has_padding || margins[i] > 0;
      if (has_padding) zero_elements(y.dtype, y.data, y.count);
    }
    if (x.count == 0) return {};
    return move_blocks(c, block, margins, kToBatch ? *x.shape : output, kToBatch ? output : *x.shape, x, y);
  }

 private:
  // batched[place * b + n, s, rest] = spread[n, s * block + place - before, rest] for each place in the block, as far
  // as that is within `spread`.
  static Status move_blocks(RunContext& c, const Block& block, const IntList& margins, const Shape& spread,
                            const Shape& batched, const TensorView& x, const TensorView& y) {
    int64_t spread_stride[kMaxRank], batched_stride[kMaxRank], place[kMaxRank] = {};
    row_strides(spread, spread_stride);
    row_strides(batched, batched_stride);
    int64_t volume = batched.dim(0) / spread.dim(0);
    for (int64_t p = 0; p < volume; ++p) {
      int64_t spread_offset = 0, batched_offset = p * spread.dim(0) * batched_stride[0];
      StridedCopy copy;
      auto add_dim = [&](int64_t size, int64_t in_spread, int64_t in_batched) {
        return kToBatch ? copy.add_dim(size, in_batched, in_spread) : copy.add_dim(size, in_spread, in_batched);
      };
      TARN_RETURN_IF_ERROR(add_dim(spread.dim(0), spread_stride[0], batched_stride[0]));
      bool is_empty = false;
      for (int d = 1; d < spread.rank(); ++d) {
        if (d > block.count()) {
          TARN_RETURN_IF_ERROR(add_dim(spread.dim(d), spread_stride[d], batched_stride[d]));
          continue;
        }
        int64_t size = block[d - 1], shift = place[d - 1] - margins[2 * (d - 1)];
        // The first and the end of the s for which 0 <= s * size + shift < spread.dim(d).
        int64_t first = shift >= 0 ? 0 : (-shift + size - 1) / size;
        int64_t room = spread.dim(d) - shift;
        int64_t end = room <= 0 ? 0 : std::min(batched.dim(d), (room - 1) / size + 1);
        is_empty = is_empty || end <= first;
        if (is_empty) break;
        spread_offset += (first * size + shift) * spread_stride[d];
        batched_offset += first * batched_stride[d];
        TARN_RETURN_IF_ERROR(add_dim(end - first, size * spread_stride[d], batched_stride[d]));
      }
      if (!is_empty) {
        copy.run(y.dtype, mutable_element_at(y, kToBatch ? batched_offset : spread_offset),
                 element_at(x, kToBatch ? spread_offset : batched_offset), c.threads());
      }
      for (int64_t i = block.count(); i-- > 0;) {
        if (++place[i] < block[i]) break;
        place[i] = 0;
      }
    }
    return {};
  }

  int64_t block_size_ = 0;
};

constexpr KernelDef kToBatchKernels[] = {portable_kernel<BlockKernel<true>>()};
constexpr KernelDef kToSpaceKernels[] = {portable_kernel<BlockKernel<false>>()};

// What was padded is cropped, and the other way round.
Status to_batch_nd_gradient(GradContext& c) {
  c.set_grad(0, c.op("BatchToSpaceND", {c.grad(), c.input(1), c.input(2)}));
  return {};
}
Status to_space_nd_gradient(GradContext& c) {
  c.set_grad(0, c.op("SpaceToBatchND", {c.grad(), c.input(1), c.input(2)}));
  return {};
}

constexpr std::string_view kKept[] = {"block_size"};
Status to_batch_gradient(GradContext& c) {
  c.set_grad(0, c.op("BatchToSpace", {c.grad(), c.input(1)}, kept_attrs(c, kKept)));
  return {};
}
Status to_space_gradient(GradContext& c) {
  c.set_grad(0, c.op("SpaceToBatch", {c.grad(), c.input(1)}, kept_attrs(c, kKept)));
  return {};
}

constexpr std::string_view kToBatchNdDoc =
    R"(Pads the spatial dims with zeros and makes each place in a block a batch of its own.
  input  T[b, s_1 … s_m, rest]   block_shape  Tblock_shape[m], each >= 1   paddings  Tpaddings[m, 2]
  returns  T[b * product of block_shape, (s_i + paddings_i) / block_shape_i, rest]
  Errors: InvalidArgument naming the dim that, padded, is no multiple of its block.
  Source: TensorFlow array_ops SpaceToBatchND.)";
constexpr std::string_view kToSpaceNdDoc =
    R"(Puts the batches of each place in a block together and crops the spatial dims.
  input  T[b * product of block_shape, s_1 … s_m, rest]   block_shape  Tblock_shape[m]   crops  Tcrops[m, 2]
  returns  T[b, s_i * block_shape_i - crops_i, rest]: what SpaceToBatchND undoes
  Errors: InvalidArgument naming the batch and the block, or the dim that is cropped too much.
  Source: TensorFlow array_ops BatchToSpaceND.)";
constexpr std::string_view kToBatchDoc = R"(SpaceToBatchND of images, with square blocks.
  input  T[b, h, w, c]   paddings  Tpaddings[2, 2]   returns  T[b * n * n, (h + paddings) / n, (w + paddings) / n, c]
  with n = block_size.   Source: TensorFlow array_ops SpaceToBatch.)";
constexpr std::string_view kToSpaceDoc = R"(BatchToSpaceND of images, with square blocks.
  input  T[b * n * n, h, w, c]   crops  Tidx[2, 2]   returns  T[b, h * n - crops, w * n - crops, c], with n = block_size
  Source: TensorFlow array_ops BatchToSpace.)";

}  // namespace

extern const OpDef op_SpaceToBatchND, op_BatchToSpaceND, op_SpaceToBatch, op_BatchToSpace;
const OpDef op_SpaceToBatchND = {
    .name = "SpaceToBatchND",
    .inputs = "input: T, block_shape: Tblock_shape, paddings: Tpaddings",
    .outputs = "output: T",
    .attrs = "T: type; Tblock_shape: {int32, int64} = int32; Tpaddings: {int32, int64} = int32",
    .infer = infer<true>,
    .kernels = kToBatchKernels,
};
const OpDef op_BatchToSpaceND = {
    .name = "BatchToSpaceND",
    .inputs = "input: T, block_shape: Tblock_shape, crops: Tcrops",
    .outputs = "output: T",
    .attrs = "T: type; Tblock_shape: {int32, int64} = int32; Tcrops: {int32, int64} = int32",
    .infer = infer<false>,
    .kernels = kToSpaceKernels,
};
const OpDef op_SpaceToBatch = {
    .name = "SpaceToBatch",
    .inputs = "input: T, paddings: Tpaddings",
    .outputs = "output: T",
    .attrs = "T: type; Tpaddings: {int32, int64} = int32; block_size: int >= 2",
    .infer = infer<true>,
    .kernels = kToBatchKernels,
};
const OpDef op_BatchToSpace = {
    .name = "BatchToSpace",
    .inputs = "input: T, crops: Tidx",
    .outputs = "output: T",
    .attrs = "T: type; block_size: int >= 2; Tidx: {int32, int64} = int32",
    .infer = infer<false>,
    .kernels = kToSpaceKernels,
};

TARN_OP_FILE(space_to_batch, {&op_SpaceToBatchND, kToBatchNdDoc, to_batch_nd_gradient},
             {&op_BatchToSpaceND, kToSpaceNdDoc, to_space_nd_gradient},
             {&op_SpaceToBatch, kToBatchDoc, to_batch_gradient}, {&op_BatchToSpace, kToSpaceDoc, to_space_gradient})

}  // namespace tarn
