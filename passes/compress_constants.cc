// compress_constants: a constant that repeats itself is held once.
//
// Before:  y = Sub(x [?,224,224,3], Const [224,224,3] of one color)        After:  y = Sub(x, Const [3])
// When:    a Const of at least `minimum_bytes` (1024) that ops alone read which broadcast, the other operand surely of
//          the sizes that it repeats itself along: it is of size 1 there, or without the dim, a scalar if all its
//          numbers are one. It is no input or output and waits for nothing; nor is a reader fed With fill_from_bytes=N
//          (0, which is never, if not given) a Const of floats of one value and at least so many bytes is a Fill
// Keeps:   the names of inputs and outputs.   Contract: exact.
// Ends:    every change makes a constant smaller; a Fill is no constant any more.
//
// Constants that are equal are one by merge_duplicates. A constant of one value under an op that does not broadcast
// stays as it is in the file: a TensorProto could hold it as a single number, and TensorFlow and our engine would read
// it so, but OpenCV reads as many numbers as there are, and an engine that maps a file would make what it now finds
// there. Fill is what every runtime reads, but it costs two nodes, its work in every run, and the constant's being one,
// which weights are packed for and passes look for; and fold_constants makes small ones constants again. So it is for
// who asks for it, at a pipeline's end; and this pass as a whole comes after those that look for a bias.
#include <algorithm>
#include <cstring>

#include "passes/support/simplify.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {{.name = "minimum_bytes",
                              .kind = PassArg::kInteger,
                              .fallback = "1024",
                              .doc = "smaller constants stay as they are"},
                             {.name = "fill_from_bytes",
                              .kind = PassArg::kInteger,
                              .fallback = "0",
                              .doc = "constants of one float, of so many bytes or more, become a Fill; 0: none"}};

bool broadcasts(const Node& node) {
  constexpr std::string_view kOps[] = {"Add",     "AddV2", "Sub",     "Mul",     "Div",
                                       "RealDiv", "Pow",   "Maximum", "Minimum", "SquaredDifference"};
  return node.def != nullptr && std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

// Dims of the constant that another operand of this shape has in full.
std::vector<bool> dims_had_by(const Shape& other, const Shape& constant) {
  std::vector<bool> had(static_cast<size_t>(constant.rank()), false);
  for (int i = 1; i <= constant.rank() && i <= other.rank(); ++i) {
    had[static_cast<size_t>(constant.rank() - i)] = other.dim(-i) == constant.dim(-i);
  }
  return had;
}

// [outer, count, inner] bytes: whether all of `count` are the same.
bool repeats(const char* data, size_t outer, size_t count, size_t inner) {
  for (size_t o = 0; o < outer; ++o, data += count * inner) {
    // Equal to what comes one later: all equal.
    if (std::memcmp(data, data + inner, (count - 1) * inner) != 0) return false;
  }
  return true;
}

// The constant, of size 1 along those of these dims that it repeats itself along; nothing if there is none.
std::optional<Tensor> shrunk(const Tensor& constant, const std::vector<bool>& may_shrink) {
  Tensor result = constant;
  for (int d = 0; d < constant.shape().rank(); ++d) {
    const int64_t count = result.shape().dim(d);
    if (!may_shrink[static_cast<size_t>(d)] || count < 2 || result.element_count() == 0) continue;
    int64_t outer = 1;
    for (int i = 0; i < d; ++i) outer *= result.shape().dim(i);
    const size_t inner = result.byte_size() / static_cast<size_t>(outer * count);
    const char* from = static_cast<const char*>(result.data());
    if (!repeats(from, static_cast<size_t>(outer), static_cast<size_t>(count), inner)) continue;
    Shape shape = result.shape();
    shape.set_dim(d, 1);
    Result<Tensor> smaller = Tensor::allocate(result.dtype(), shape);
    if (!smaller.ok()) return std::nullopt;
    char* to = static_cast<char*>(smaller->mutable_data());
    for (int64_t o = 0; o < outer; ++o) {
      std::memcpy(to + static_cast<size_t>(o) * inner, from + static_cast<size_t>(o * count) * inner, inner);
    }
    result = *std::move(smaller);
  }
  if (result.element_count() == constant.element_count()) return std::nullopt;
  return result;
}

// Without the leading dims of size 1, which broadcasting adds again.
std::optional<Tensor> without_leading_ones(const Tensor& tensor) {
  Shape shape;
  for (int64_t dim : tensor.shape().dims()) {
    if (shape.rank() > 0 || dim != 1) shape.add_dim(dim);
  }
  Result<Tensor> result = tensor.reshaped(shape);
  if (!result.ok()) return std::nullopt;
  return *std::move(result);
}

Status shrink(Simplifier& s, NodeId id) {
  const Tensor* constant = s.rewriter.constant({id, 0});
  if (constant == nullptr || s.rewriter.is_output(id) || dtype_size(constant->dtype()) == 0) return {};
  if (static_cast<int64_t>(constant->byte_size()) < s.rewriter.context().args.integer("minimum_bytes")) return {};
  std::vector<bool> may_shrink(static_cast<size_t>(constant->shape().rank()), true);
  bool may_lose_dims = true;
  std::vector<Use> uses = s.rewriter.graph().uses(id);
  for (const Use& use : uses) {
    const Node& reader = s.node(use.node);
    if (use.input == Use::kControl || !broadcasts(reader) || s.rewriter.is_input(use.node)) return {};
    Wire other = reader.inputs[static_cast<size_t>(1 - use.input)];
    if (other.is_none() || other.node == id) return {};
    std::vector<bool> had = dims_had_by(s.shape(other), constant->shape());
    for (size_t d = 0; d < had.size(); ++d) may_shrink[d] = may_shrink[d] && had[d];
    may_lose_dims = may_lose_dims && s.shape(other).rank() >= constant->shape().rank();
  }
  if (uses.empty()) return {};
  std::optional<Tensor> smaller = shrunk(*constant, may_shrink);
  if (smaller && may_lose_dims) smaller = without_leading_ones(*smaller);
  if (!smaller) return {};
  std::string what = str_cat("its constant ", quoted(s.node(id).name), " ", constant->shape(),
                             " repeats itself: ", smaller->shape(), " is enough");
  std::string name = s.node(id).name + "/compressed";
  // One patch a reader: one may read another.
  Wire held;
  for (const Use& use : uses) {
    const Node& reader = s.node(use.node);
    Patch patch = s.rewriter.patch();
    if (held.is_none()) held = patch.constant(name, *smaller);
    NodeSpec spec = copy_of(reader, "/compressed");
    spec.inputs[static_cast<size_t>(use.input)] = held;
    patch.replace_node(use.node, patch.add(std::move(spec)));
    TARN_RETURN_IF_ERROR(s.rewriter.commit(patch, use.node, what));
  }
  return {};
}

Status make_fill(Simplifier& s, NodeId id) {
  const int64_t least = s.rewriter.context().args.integer("fill_from_bytes");
  const Tensor* constant = s.rewriter.constant({id, 0});
  bool is_large = constant != nullptr && least > 0 && static_cast<int64_t>(constant->byte_size()) >= least;
  if (!is_large || !dtype_is_floating(constant->dtype()) || constant->element_count() < 2) return {};
  const size_t size = dtype_size(constant->dtype());
  if (!repeats(static_cast<const char*>(constant->data()), 1, static_cast<size_t>(constant->element_count()), size))
    return {};
  TARN_ASSIGN_OR_RETURN(Tensor value, Tensor::allocate(constant->dtype(), Shape()));
  std::memcpy(value.mutable_data(), constant->data(), size);
  std::span<const int64_t> dims = constant->shape().dims();
  std::string name = s.node(id).name, what = str_cat(constant->byte_size(), " bytes of one number are a Fill");
  Patch patch = s.rewriter.patch();
  Wire sizes = patch.constant(name + "/dims", Tensor::vector<int64_t>(dims));
  Wire number = patch.constant(name + "/value", value);
  patch.replace_node(id, patch.add({.name = name + "/fill", .op = "Fill", .inputs = {sizes, number}}));
  return s.rewriter.commit(patch, id, what);
}

constexpr Simplification kRules[] = {{"Const", shrink}, {"Const", make_fill}};

Status compress_constants(Graph& graph, PassContext& context) {
  return simplify(graph, context, kRules);
}

constexpr std::string_view kDoc = R"(A constant that repeats itself is held once.
  Before:  y = Sub(x [?,224,224,3], Const [224,224,3] of one color)        After:  y = Sub(x, Const [3])
  When:    a Const of at least minimum_bytes that ops alone read which broadcast, the other operand surely of the sizes that
           it repeats itself along; it is no input or output. With fill_from_bytes a large Const of one float is a Fill:
           two nodes more, work in every run, and a constant less for those who look for one, fold_constants among them.
           For a pipeline's end. Equal constants are one by merge_duplicates
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_compress_constants;
const PassDef pass_compress_constants = {
    .name = "compress_constants", .doc = kDoc, .contract = exact(), .run = compress_constants, .args = kArgs};

}  // namespace tarn
