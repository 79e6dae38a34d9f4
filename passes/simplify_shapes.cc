// simplify_shapes: what only moves a tensor about, to where it was or where one step would take it.
//
// Before:  y = Squeeze(Reshape(ExpandDims(x, 1), s));  z = Transpose(Transpose(x, [0, 2, 1]), [0, 2, 1])
// After:   y = Reshape(x, s');                          z = x
// When:    - Reshape, ExpandDims, Squeeze: to the shape there is (where one dim is unknown, none is 0 and the others
//            agree, it agrees too): goes. A Reshape reads through others; ExpandDims and Squeeze behind one that they
//            alone read become one Reshape, where at most one size is unknown; an ExpandDims undone by a Squeeze, or
//            the other way round, goes with it
//          - Transpose: two with constant permutations become one, or none; one that moves only dims of size 1 is a
//            Reshape
//          - Cast to the dtype there is; through a wider dtype that holds every value
//          - Slice and StridedSlice of all there is, Pad and MirrorPad by nothing, Tile once, BroadcastTo and
//            EnsureShape of the shape there is, ReverseV2 along nothing or dims of size 1, Roll by 0, Split in one,
//            SpaceToBatchND and BatchToSpaceND of blocks of one
//          - Concat of a Concat along the same dim that it alone reads: one; of something empty: without it
//          - Unpack of a Pack, Pack of all that an Unpack gives, one element taken from a Pack
//          - a reduction over nothing, or over dims of size 1 alone: nothing, or Squeeze
//          Constants are what says so, or shapes that are known. A node that waits, or is waited for, stays; what is
//          dropped has a value in every run; a Const is added only beside such.
// Keeps:   the names of inputs and outputs.   Contract: exact (of one element a Sum is that, bit by bit).
// Ends:    every change removes a node or a step on the way from a source to a use; a Transpose made a Reshape is a
//          Transpose less, a Squeeze made of a reduction a reduction less.
#include <algorithm>
#include <numeric>

#include "passes/support/simplify.h"
#include "passes/support/simplify_casts.h"
#include "passes/support/simplify_joins.h"

namespace tarn {
namespace {

using Ints = std::vector<int64_t>;

bool all_are(const Ints& values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == value; });
}

// Says as much as a shape can: nothing unknown, or one dim, which then follows from the number of elements.
bool is_one_shape(const Shape& shape) {
  if (!shape.has_rank()) return false;
  auto unknown = std::count(shape.dims().begin(), shape.dims().end(), kUnknownDim);
  auto zeros = std::count(shape.dims().begin(), shape.dims().end(), 0);
  return unknown == 0 || (unknown == 1 && zeros == 0);
}

// Two shapes of the same elements are the same.
bool is_same_view(const Shape& a, const Shape& b) {
  return is_one_shape(a) && is_one_shape(b) && a == b;
}

Wire add_reshape(Simplifier& s, Patch& patch, NodeId at, Wire x, const Shape& shape) {
  const Node& node = s.node(at);
  std::vector<int32_t> sizes(shape.dims().begin(), shape.dims().end());
  Wire constant = patch.constant(node.name + "/sizes", Tensor::vector<int32_t>(sizes));
  return patch.add({.name = node.name + "/reshaped", .op = "Reshape", .inputs = {x, constant}, .device = node.device});
}

bool has_small_dims(const Shape& shape) {
  return std::all_of(shape.dims().begin(), shape.dims().end(),
                     [](int64_t dim) { return dim <= std::numeric_limits<int32_t>::max(); });
}

// --- views ----------------------------------------------------------------------------------------------------------
// ExpandDims at the dim that the Squeeze takes away again, or the other way round: whatever the rank, the same number
// means the same dim.
bool undoes(Simplifier& s, const Node& outer, const Node& inner) {
  const Node& squeeze = outer.is("Squeeze") ? outer : inner;
  const Node& expand = outer.is("Squeeze") ? inner : outer;
  if (!squeeze.is("Squeeze") || !expand.is("ExpandDims")) return false;
  std::optional<Ints> axis = s.integers(expand.inputs[1]);
  Ints squeezed = squeeze.attrs.get_or<Ints>("squeeze_dims", {});
  return axis && axis->size() == 1 && squeezed == *axis;
}

Status simplify_view(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  const Shape out = node.outputs[0].shape;
  if (is_same_view(s.shape(node.inputs[0]), out)) {
    return s.rewriter.splice(id, node.inputs[0], str_cat(node.op, " to the shape there is"));
  }
  const Node* inner = s.behind(node.inputs[0], {"Reshape", "ExpandDims", "Squeeze"});
  if (inner == nullptr) return {};
  Wire source = inner->inputs[0];
  if (undoes(s, node, *inner)) {
    return s.rewriter.splice(id, source, str_cat(inner->op, " and ", node.op, " of the same dim"));
  }
  if (is_same_view(s.shape(source), out)) {
    return s.rewriter.splice(id, source, str_cat(inner->op, " and ", node.op, " to the shape there was"));
  }
  Patch patch = s.rewriter.patch();
  std::string what = str_cat(node.op, " reads through ", inner->op, " ", quoted(inner->name));
  Wire reshaped;
  if (node.is("Reshape")) {
    NodeSpec spec = copy_of(node, "/reshaped");
    spec.inputs[0] = source;
    reshaped = patch.add(std::move(spec));
  } else {
    bool may = is_one_shape(out) && has_small_dims(out) && s.rewriter.has_one_user(node.inputs[0].node) &&
               s.is_always_computed(node.inputs[0]);
    if (!may) return {};
    reshaped = add_reshape(s, patch, id, source, out);
  }
  patch.replace_node(id, reshaped);
  return s.rewriter.commit(patch, id, what);
}

// --- Transpose ------------------------------------------------------------------------------------------------------
std::optional<Ints> permutation(const Simplifier& s, Wire wire) {
  std::optional<Ints> values = s.integers(wire);
  if (!values) return std::nullopt;
  Ints sorted = *values, all(values->size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all) return std::nullopt;
  return values;
}

// The dims that are not surely 1 stay in order.
bool moves_ones_only(const Shape& x, const Ints& permutation) {
  if (x.rank() != static_cast<int>(permutation.size())) return false;
  int64_t last = -1;
  for (int64_t dim : permutation) {
    if (x.dim(static_cast<int>(dim)) == 1) continue;
    if (dim < last) return false;
    last = dim;
  }
  return true;
}

Status simplify_transpose(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> order = permutation(s, node.inputs[1]);
  if (!order) return {};
  if (std::is_sorted(order->begin(), order->end())) {
    return s.rewriter.splice(id, node.inputs[0], "transposes nothing");
  }
  if (const Node* inner = s.behind(node.inputs[0], {"Transpose"})) {
    std::optional<Ints> first = permutation(s, inner->inputs[1]);
    if (!first || first->size() != order->size()) return {};
    // dim j of the result is dim order[j] of what is between, which is dim first[order[j]] of x
    std::vector<int32_t> both;
    for (int64_t dim : *order) both.push_back(static_cast<int32_t>((*first)[static_cast<size_t>(dim)]));
    Wire source = inner->inputs[0];
    if (std::is_sorted(both.begin(), both.end())) {
      return s.rewriter.splice(id, source, str_cat("undoes ", quoted(inner->name)));
    }
    if (!s.rewriter.has_one_user(node.inputs[0].node)) return {};
    std::string what = str_cat("one Transpose with ", quoted(inner->name));
    Patch patch = s.rewriter.patch();
    Wire perm = patch.constant(node.name + "/perm", Tensor::vector<int32_t>(both));
    patch.replace_node(
        id, patch.add(
                {.name = node.name + "/composed", .op = "Transpose", .inputs = {source, perm}, .device = node.device}));
    return s.rewriter.commit(patch, id, what);
  }
  const Shape out = node.outputs[0].shape;
  bool is_view = moves_ones_only(s.shape(node.inputs[0]), *order) && is_one_shape(out) && has_small_dims(out) &&
                 s.rewriter.has_one_user(node.inputs[1].node);
  if (!is_view) return {};
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, add_reshape(s, patch, id, node.inputs[0], out));
  return s.rewriter.commit(patch, id, "moves dims of size 1 alone: a Reshape");
}

// --- what leaves everything in its place ----------------------------------------------------------------------------
Status drop_slice(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> begin = s.integers(node.inputs[1]), size = s.integers(node.inputs[2]);
  const Shape& x = s.shape(node.inputs[0]);
  if (!begin || !size || !all_are(*begin, 0)) return {};
  for (size_t i = 0; i < size->size(); ++i) {
    bool is_all =
        (*size)[i] == -1 || (x.rank() == static_cast<int>(size->size()) && (*size)[i] == x.dim(static_cast<int>(i)));
    if (!is_all) return {};
  }
  return s.rewriter.splice(id, node.inputs[0], "slices all there is");
}

struct StridedSpec {
  Ints begin, end, strides;
  int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
};

std::optional<StridedSpec> strided_spec(const Simplifier& s, const Node& node) {
  std::optional<Ints> begin = s.integers(node.inputs[1]), end = s.integers(node.inputs[2]),
                      strides = s.integers(node.inputs[3]);
  if (!begin || !end || !strides || begin->size() != end->size() || begin->size() != strides->size())
    return std::nullopt;
  auto mask = [&](std::string_view name) { return node.attrs.get_or<int64_t>(name, 0); };
  return StridedSpec{*begin,
                     *end,
                     *strides,
                     mask("begin_mask"),
                     mask("end_mask"),
                     mask("ellipsis_mask"),
                     mask("new_axis_mask"),
                     mask("shrink_axis_mask")};
}

// x[i]
bool takes_one_element(const StridedSpec& spec) {
  return spec.begin.size() == 1 && spec.strides[0] == 1 && spec.shrink_axis_mask == 1 && spec.begin_mask == 0 &&
         spec.end_mask == 0 && spec.ellipsis_mask == 0 && spec.new_axis_mask == 0;
}

Status simplify_strided_slice(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<StridedSpec> spec = strided_spec(s, node);
  if (!spec) return {};
  const Shape &x = s.shape(node.inputs[0]), &out = node.outputs[0].shape;
  bool is_plain = all_are(spec->strides, 1) && spec->new_axis_mask == 0 && spec->shrink_axis_mask == 0;
  if (!is_plain) return takes_one_element(*spec) ? take_packed(s, id, spec->begin[0]) : Status();
  bool is_all = surely_equal(x, out);
  if (!is_all && spec->ellipsis_mask == 0) {
    is_all = true;
    for (size_t i = 0; i < spec->begin.size() && is_all; ++i) {
      int64_t bit = int64_t{1} << i;
      int64_t dim = static_cast<int>(i) < x.rank() ? x.dim(static_cast<int>(i)) : kUnknownDim;
      bool from_start = (spec->begin_mask & bit) != 0 || spec->begin[i] == 0;
      bool to_end = (spec->end_mask & bit) != 0 || (dim >= 0 && spec->end[i] >= dim);
      is_all = from_start && to_end;
    }
  }
  if (!is_all) return {};
  return s.rewriter.splice(id, node.inputs[0], "slices all there is");
}

Status drop_pad(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> paddings = s.integers(node.inputs[1]);
  if (!paddings || !all_are(*paddings, 0)) return {};
  return s.rewriter.splice(id, node.inputs[0], "pads by nothing");
}

Status drop_tile(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> multiples = s.integers(node.inputs[1]);
  if (!multiples || !all_are(*multiples, 1)) return {};
  return s.rewriter.splice(id, node.inputs[0], "repeats once");
}

// BroadcastTo, EnsureShape: the shape is what there is to do.
Status drop_same_shape(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  if (node.is("BroadcastTo") ? !surely_equal(s.shape(node.inputs[0]), node.outputs[0].shape)
                             : !surely_equal(s.shape(node.inputs[0]), node.attrs.get<Shape>("shape")))
    return {};
  return s.rewriter.splice(id, node.inputs[0], str_cat(node.op, " of the shape there is"));
}

// The dims that `axes` name, each once; nothing if one is out of range.
std::optional<std::vector<bool>> marked(int rank, const Ints& axes) {
  std::vector<bool> marks(static_cast<size_t>(std::max(rank, 0)), false);
  for (int64_t axis : axes) {
    if (axis < -rank || axis >= rank) return std::nullopt;
    marks[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  return marks;
}

bool are_ones(const Shape& shape, const std::vector<bool>& marks) {
  for (size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] && shape.dim(static_cast<int>(i)) != 1) return false;
  }
  return true;
}

Status drop_reverse(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> axes = s.integers(node.inputs[1]);
  if (!axes) return {};
  if (!axes->empty()) {
    const Shape& x = s.shape(node.inputs[0]);
    if (!x.has_rank()) return {};
    std::optional<std::vector<bool>> marks = marked(x.rank(), *axes);
    if (!marks || !are_ones(x, *marks)) return {};
  }
  return s.rewriter.splice(id, node.inputs[0], "reverses nothing");
}

Status drop_roll(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> shift = s.integers(node.inputs[1]), axis = s.integers(node.inputs[2]);
  if (!shift || !axis || !all_are(*shift, 0)) return {};
  return s.rewriter.splice(id, node.inputs[0], "moves nothing");
}

Status drop_split(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  Wire value = node.inputs[node.is("Split") ? 1 : 0];
  if (node.outputs.size() != 1) return {};
  // SplitV's one part is all of it only if its size says so.
  if (node.is("SplitV")) {
    std::optional<Ints> sizes = s.integers(node.inputs[1]);
    bool is_all =
        sizes && sizes->size() == 1 && (sizes->at(0) == -1 || surely_equal(s.shape(value), node.outputs[0].shape));
    if (!is_all) return {};
  }
  return s.rewriter.splice(id, value, "splits in one");
}

Status drop_space_to_batch(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> blocks = s.integers(node.inputs[1]), paddings = s.integers(node.inputs[2]);
  if (!blocks || !paddings || !all_are(*blocks, 1) || !all_are(*paddings, 0)) return {};
  return s.rewriter.splice(id, node.inputs[0], "blocks of one, and no padding");
}

// --- reductions -----------------------------------------------------------------------------------------------------
Status simplify_reduction(Simplifier& s, NodeId id) {
  const Node& node = s.node(id);
  std::optional<Ints> axes = s.integers(node.inputs[1]);
  if (!axes) return {};
  if (axes->empty()) return s.rewriter.splice(id, node.inputs[0], str_cat(node.op, " over no dim"));
  const Shape& x = s.shape(node.inputs[0]);
  if (!x.has_rank()) return {};
  std::optional<std::vector<bool>> marks = marked(x.rank(), *axes);
  if (!marks || !are_ones(x, *marks)) return {};
  std::string what = str_cat(node.op, " over dims of size 1");
  if (node.attrs.get_or<bool>("keep_dims", false)) return s.rewriter.splice(id, node.inputs[0], what);
  Ints squeezed;
  for (size_t i = 0; i < marks->size(); ++i) {
    if ((*marks)[i]) squeezed.push_back(static_cast<int64_t>(i));
  }
  Patch patch = s.rewriter.patch();
  patch.replace_node(id, patch.add({.name = node.name + "/squeezed",
                                    .op = "Squeeze",
                                    .inputs = {node.inputs[0]},
                                    .attrs = {{"squeeze_dims", squeezed}},
                                    .device = node.device}));
  return s.rewriter.commit(patch, id, what);
}

constexpr Simplification kRules[] = {
    {"Reshape", simplify_view},
    {"ExpandDims", simplify_view},
    {"Squeeze", simplify_view},
    {"Transpose", simplify_transpose},
    {"Cast", simplify_cast},
    {"Slice", drop_slice},
    {"StridedSlice", simplify_strided_slice},
    {"Pad", drop_pad},
    {"PadV2", drop_pad},
    {"MirrorPad", drop_pad},
    {"Tile", drop_tile},
    {"BroadcastTo", drop_same_shape},
    {"EnsureShape", drop_same_shape},
    {"ReverseV2", drop_reverse},
    {"Roll", drop_roll},
    {"Split", drop_split},
    {"SplitV", drop_split},
    {"SpaceToBatchND", drop_space_to_batch},
    {"BatchToSpaceND", drop_space_to_batch},
    {"Concat", simplify_concat},
    {"ConcatV2", simplify_concat},
    {"Unpack", unpack_packed, true},
    {"Pack", pack_unpacked},
    {"Sum", simplify_reduction},
    {"Mean", simplify_reduction},
    {"Prod", simplify_reduction},
    {"Max", simplify_reduction},
    {"Min", simplify_reduction},
    {"All", simplify_reduction},
    {"Any", simplify_reduction},
};

Status simplify_shapes(Graph& graph, PassContext& context) {
  return simplify(graph, context, kRules);
}

constexpr std::string_view kDoc = R"(What only moves a tensor about, to where it was or where one step would take it.
  Before:  y = Squeeze(Reshape(ExpandDims(x, 1), s));  z = Transpose(Transpose(x, [0, 2, 1]), [0, 2, 1])
  After:   y = Reshape(x, s');                          z = x
  When:    Reshape, ExpandDims, Squeeze to the shape there is; through another of them; Transposes with constant
           permutations, one behind the other, of nothing, or of dims of size 1; Cast to the dtype there is or through one
           that holds every value; Slice and StridedSlice of all there is, Pad and MirrorPad by nothing, Tile once,
           BroadcastTo and EnsureShape of the shape there is, ReverseV2 and Roll of nothing, Split in one, SpaceToBatchND
           and BatchToSpaceND of blocks of one; Concat of a Concat along the same dim, or of something empty; Unpack of a
           Pack, Pack of an Unpack, one element of a Pack; a reduction over no dim, or dims of size 1 (Squeeze). Known by
           constants or shapes; where a size is unknown it is one, and the elements decide. Nodes that wait, or are waited
           for, stay
  Keeps:   the names of inputs and outputs.)";

}  // namespace

extern const PassDef pass_simplify_shapes;
const PassDef pass_simplify_shapes = {
    .name = "simplify_shapes", .doc = kDoc, .contract = exact(), .run = simplify_shapes};

}  // namespace tarn
