#include "tests/graph/toy_ops.h"

namespace tarn::testing {
namespace {

Status infer_shape_attr(InferContext& c) {
  return c.set_output(0, c.attr<Shape>("shape"));
}

Status infer_const(InferContext& c) {
  c.set_value(0, c.attr<Tensor>("value"));
  return c.set_output(0, c.attr<Tensor>("value").shape());
}

Status infer_shape_of(InferContext& c) {
  return c.set_output(0, c.shape(0).has_rank() ? Shape{c.shape(0).rank()} : Shape{-1});
}

Status identity_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  return {};
}

Status add_gradient(GradContext& c) {
  c.set_grad(0, c.grad());
  c.set_grad(1, c.grad());
  return {};
}

Status mul_gradient(GradContext& c) {
  c.set_grad(0, c.op("Mul", {c.grad(), c.input(1)}));
  c.set_grad(1, c.op("Mul", {c.grad(), c.input(0)}));
  return {};
}

Status neg_gradient(GradContext& c) {
  c.set_grad(0, c.op("Neg", {c.grad()}));
  return {};
}

Status add_n_gradient(GradContext& c) {
  for (int i = 0; i < c.input_count(); ++i) c.set_grad(i, c.grad());
  return {};
}

// y0 = y1 = x: only the outputs that something depends on count.
Status split_gradient(GradContext& c) {
  if (c.grad(0).is_none() || c.grad(1).is_none()) {
    c.set_grad(0, c.grad(0).is_none() ? c.grad(1) : c.grad(0));
  } else {
    c.set_grad(0, c.op("Add", {c.grad(0), c.grad(1)}));
  }
  return {};
}

Status bad_gradient(GradContext& c) {
  c.set_grad(0, c.constant(Tensor::from<float>({7}, {1, 2, 3, 4, 5, 6, 7})));
  return {};
}

constexpr std::string_view kT = "T: {float, double, int32, int64}";
const OpDef kPlaceholder = {.name = "Placeholder",
                            .outputs = "output: dtype",
                            .attrs = "dtype: type; shape: shape = ?",
                            .infer = infer_shape_attr};
const OpDef kConst = {
    .name = "Const", .outputs = "output: dtype", .attrs = "value: tensor; dtype: type", .infer = infer_const};
const OpDef kIdentity = {
    .name = "Identity", .inputs = "input: T", .outputs = "output: T", .attrs = "T: type", .infer = infer_unchanged};
const OpDef kVariable = {.name = "VariableV2",
                         .outputs = "ref: Ref(dtype)",
                         .attrs = "shape: shape; dtype: type; container: string = ''; shared_name: string = ''",
                         .infer = infer_shape_attr};
const OpDef kAssign = {.name = "Assign",
                       .inputs = "ref: Ref(T), value: T",
                       .outputs = "output_ref: Ref(T)",
                       .attrs = "T: type; validate_shape: bool = true; use_locking: bool = true",
                       .traits = kStateful | kWritesRef | kUninitializedOk,
                       .infer = infer_unchanged};
const OpDef kAdd = {.name = "Add", .inputs = "x: T, y: T", .outputs = "z: T", .attrs = kT, .infer = infer_broadcast};
const OpDef kMul = {.name = "Mul", .inputs = "x: T, y: T", .outputs = "z: T", .attrs = kT, .infer = infer_broadcast};
const OpDef kNeg = {.name = "Neg", .inputs = "x: T", .outputs = "y: T", .attrs = kT, .infer = infer_unchanged};
const OpDef kAddN = {.name = "AddN",
                     .inputs = "inputs: N * T",
                     .outputs = "sum: T",
                     .attrs = "N: int >= 1; T: {float, double, int32, int64}",
                     .infer = infer_merged_inputs};
const OpDef kFill = {.name = "Fill",
                     .inputs = "dims: index_type, value: T",
                     .outputs = "output: T",
                     .attrs = "T: type; index_type: {int32, int64} = int32",
                     .infer = infer_unknown};
const OpDef kShape = {.name = "Shape",
                      .inputs = "input: T",
                      .outputs = "output: out_type",
                      .attrs = "T: type; out_type: {int32, int64} = int32",
                      .infer = infer_shape_of};
const OpDef kStopGradient = {
    .name = "StopGradient", .inputs = "input: T", .outputs = "output: T", .attrs = "T: type", .infer = infer_unchanged};
const OpDef kSplit2 = {
    .name = "Split2", .inputs = "x: T", .outputs = "a: T, b: T", .attrs = kT, .infer = infer_unchanged};
const OpDef kNoGrad = {.name = "NoGrad", .inputs = "x: T", .outputs = "y: T", .attrs = kT, .infer = infer_unchanged};
const OpDef kBadGrad = {.name = "BadGrad", .inputs = "x: T", .outputs = "y: T", .attrs = kT, .infer = infer_unchanged};
const OpDef kCast = {.name = "Cast",
                     .inputs = "x: SrcT",
                     .outputs = "y: DstT",
                     .attrs = "SrcT: type; DstT: type",
                     .infer = infer_unchanged};
const OpDef kNoOp = {.name = "NoOp", .infer = infer_no_outputs};

const OpEntry kEntries[] = {{&kPlaceholder, "", nullptr, "depends on nothing"},
                            {&kConst, "", nullptr, "depends on nothing"},
                            {&kIdentity, "", identity_gradient},
                            {&kVariable, "", nullptr, "depends on nothing"},
                            {&kAssign, "", nullptr, "writes"},
                            {&kAdd, "", add_gradient},
                            {&kMul, "", mul_gradient},
                            {&kNeg, "", neg_gradient},
                            {&kAddN, "", add_n_gradient},
                            {&kFill, "", nullptr, "not needed"},
                            {&kShape, "", nullptr, "integers"},
                            {&kStopGradient, "", nullptr, "stops by purpose"},
                            {&kSplit2, "", split_gradient},
                            {&kNoGrad, "", nullptr, "its derivative is a secret"},
                            {&kBadGrad, "", bad_gradient},
                            {&kCast, "", nullptr, "not needed"},
                            {&kNoOp, "", nullptr, "no outputs"}};
const OpFile kFile(kEntries);
const OpFile* const kFiles[] = {&kFile};

}  // namespace

const OpRegistry& toy_ops() {
  static const OpRegistry ops{std::span<const OpFile* const>(kFiles)};
  return ops;
}

}  // namespace tarn::testing
