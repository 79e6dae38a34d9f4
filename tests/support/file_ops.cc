#include "tests/support/file_ops.h"

#include <gtest/gtest.h>

#include "graph/proto_io.h"

namespace tarn::testing {
namespace {

Status infer_shape_attr(InferContext& c) {
  return c.set_output(0, c.attr<Shape>("shape"));
}

Status infer_const(InferContext& c) {
  if (c.attr<Tensor>("value").dtype() != c.attr<DType>("dtype")) {
    return invalid_argument("attr 'dtype' is ", dtype_name(c.attr<DType>("dtype")), " but the value holds ",
                            dtype_name(c.attr<Tensor>("value").dtype()));
  }
  c.set_value(0, c.attr<Tensor>("value"));
  return c.set_output(0, c.attr<Tensor>("value").shape());
}

const OpDef kOps[] = {
    {.name = "Placeholder",
     .outputs = "output: dtype",
     .attrs = "dtype: type; shape: shape = ?",
     .infer = infer_shape_attr},
    {.name = "Const", .outputs = "output: dtype", .attrs = "value: tensor; dtype: type", .infer = infer_const},
    {.name = "VariableV2",
     .outputs = "ref: Ref(dtype)",
     .attrs = "shape: shape; dtype: type; container: string = ''; shared_name: string = ''",
     .infer = infer_shape_attr},
    {.name = "Identity", .inputs = "input: T", .outputs = "output: T", .attrs = "T: type", .infer = infer_unchanged},
    {.name = "Relu",
     .inputs = "features: T",
     .outputs = "activations: T",
     .attrs = "T: {float, double, int32, int64}",
     .infer = infer_unchanged},
    {.name = "Add",
     .inputs = "x: T, y: T",
     .outputs = "z: T",
     .attrs = "T: {float, double, int32, int64}",
     .infer = infer_broadcast},
    {.name = "AddN",
     .inputs = "inputs: N * T",
     .outputs = "sum: T",
     .attrs = "N: int >= 1; T: type",
     .infer = infer_merged_inputs},
    {.name = "Conv2D",
     .inputs = "input: T, filter: T",
     .outputs = "output: T",
     .attrs =
         "T: {half, float, double}; strides: list(int); use_cudnn_on_gpu: bool = true; padding: {'SAME', 'VALID'}; "
         "data_format: {'NHWC', 'NCHW'} = 'NHWC'; dilations: list(int) = [1, 1, 1, 1]"},
    {.name = "MatMul",
     .inputs = "a: T, b: T",
     .outputs = "product: T",
     .attrs = "transpose_a: bool = false; transpose_b: bool = false; T: {float, double}"},
    {.name = "Cast",
     .inputs = "x: SrcT",
     .outputs = "y: DstT",
     .attrs = "SrcT: type; DstT: type; Truncate: bool = false"},
    {.name = "Split",
     .inputs = "split_dim: int32, value: T",
     .outputs = "output: num_split * T",
     .attrs = "num_split: int >= 1; T: type"},
    {.name = "ConcatV2",
     .inputs = "values: N * T, axis: Tidx",
     .outputs = "output: T",
     .attrs = "N: int >= 2; T: type; Tidx: {int32, int64} = int32"},
    {.name = "FusedBatchNorm",
     .inputs = "x: T, scale: T, offset: T, mean: T, variance: T",
     .outputs = "y: T, batch_mean: T, batch_variance: T, reserve_space_1: T, reserve_space_2: T",
     .attrs = "T: {float}; epsilon: float = 0.0001; data_format: {'NHWC', 'NCHW'} = 'NHWC'; is_training: bool = true"},
    {.name = "Assign",
     .inputs = "ref: Ref(T), value: T",
     .outputs = "output_ref: Ref(T)",
     .attrs = "T: type; validate_shape: bool = true; use_locking: bool = true",
     .traits = kStateful | kWritesRef | kUninitializedOk,
     .infer = infer_unchanged},
    {.name = "RestoreV2",
     .inputs = "prefix: string, tensor_names: string, shape_and_slices: string",
     .outputs = "tensors: dtypes",
     .attrs = "dtypes: list(type) >= 1",
     .traits = kStateful},
    {.name = "NoOp", .infer = infer_no_outputs},
    {.name = "Switch",
     .inputs = "data: T, pred: bool",
     .outputs = "output_false: T, output_true: T",
     .attrs = "T: type",
     .infer = infer_unchanged},
    {.name = "Merge",
     .inputs = "inputs: N * T",
     .outputs = "output: T, value_index: int32",
     .attrs = "T: type; N: int >= 1"},
    {.name = "Enter",
     .inputs = "data: T",
     .outputs = "output: T",
     .attrs = "T: type; frame_name: string; is_constant: bool = false; parallel_iterations: int = 10",
     .infer = infer_unchanged},
    {.name = "Exit", .inputs = "data: T", .outputs = "output: T", .attrs = "T: type", .infer = infer_unchanged},
    {.name = "NextIteration",
     .inputs = "data: T",
     .outputs = "output: T",
     .attrs = "T: type",
     .infer = infer_unchanged},
    {.name = "LoopCond", .inputs = "input: bool", .outputs = "output: bool", .infer = infer_unchanged},
    {.name = "Less",
     .inputs = "x: T, y: T",
     .outputs = "z: bool",
     .attrs = "T: {float, int32}",
     .infer = infer_broadcast},
    {.name = "AllKinds",
     .outputs = "output: dtype",
     .attrs =
         "dtype: type; s: string; i: int; f: float; b: bool; type: type; shape: shape; tensor: tensor; func: func; "
         "ls: list(string); li: list(int); lf: list(float); lb: list(bool); lt: list(type); lshape: list(shape); "
         "ltensor: list(tensor); lfunc: list(func); empty: list(int); weight: float = 1"},
};

std::vector<const OpDef*> pointers() {
  std::vector<const OpDef*> defs;
  for (const OpDef& def : kOps) defs.push_back(&def);
  return defs;
}

}  // namespace

const OpRegistry& file_ops() {
  static const std::vector<const OpDef*> defs = pointers();
  static const OpRegistry ops{std::span<const OpDef* const>(defs)};
  return ops;
}

pb::GraphDef graph_def(std::string_view pbtxt) {
  pb::GraphDef def;
  Status status = parse_pbtxt(pbtxt, def);
  EXPECT_TRUE(status.ok()) << status.to_string() << "\n" << pbtxt;
  return def;
}

std::string typed(std::string_view name, std::string_view op, std::string_view inputs, std::string_view attrs) {
  return str_cat("node { name: '", name, "' op: '", op, "' ", inputs, " ", attrs, " }\n");
}

std::string placeholder(std::string_view name) {
  return str_cat("node { name: '", name, "' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }\n");
}

std::string relu(std::string_view name, std::string_view input) {
  return str_cat("node { name: '", name, "' op: 'Relu' input: '", input,
                 "' attr { key: 'T' value { type: DT_FLOAT } } }\n");
}

Result<Graph> import(std::string_view pbtxt) {
  return import_graph_def(graph_def(pbtxt), {.source = "bad.pb", .ops = &file_ops()});
}

pb::GraphDef rich_graph_def() {
  return graph_def(R"(
    # Consumers stand before producers.
    node { name: 'sum' op: 'Add' input: 'split:1' input: 'split' input: '^init' device: '/device:CPU:0'
           attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'init' op: 'NoOp' }
    node { name: 'split' op: 'Split' input: 'axis' input: 'x' attr { key: 'num_split' value { i: 2 } }
           attr { key: 'T' value { type: DT_FLOAT } } attr { key: '_class' value { list { s: 'loc:@x' s: '\001\377' } } } }
    node { name: 'axis' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
           attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape {} int_val: -1 } } } }
    node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'shape' value { shape { dim { size: -1 } dim { size: 4 } } } } }
    node { name: 'kinds' op: 'AllKinds' input: '^sum' input: '^init'
      attr { key: 'dtype' value { type: DT_HALF } }
      attr { key: 's' value { s: 'a "quote", \\ \t\n\377' } }
      attr { key: 'i' value { i: -9223372036854775808 } }
      attr { key: 'f' value { f: 0.1 } }
      attr { key: 'b' value { b: true } }
      attr { key: 'type' value { type: DT_QUINT8 } }
      attr { key: 'shape' value { shape { unknown_rank: true } } }
      attr { key: 'tensor' value { tensor { dtype: DT_STRING tensor_shape { dim { size: 2 } } string_val: 'a' string_val: '\200' } } }
      attr { key: 'func' value { func { name: 'f' attr { key: 'T' value { type: DT_INT8 } }
                                        attr { key: 'g' value { func { name: 'g' } } } } } }
      attr { key: 'ls' value { list { s: '' s: 'b' } } }
      attr { key: 'li' value { list { i: 3 i: -1 } } }
      attr { key: 'lf' value { list { f: 2 f: -0.5 f: inf } } }
      attr { key: 'lb' value { list { b: true b: false } } }
      attr { key: 'lt' value { list { type: DT_FLOAT type: DT_STRING } } }
      attr { key: 'lshape' value { list { shape { } shape { unknown_rank: true } shape { dim { size: 3 } } } } }
      attr { key: 'ltensor' value { list { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 1.5 } } } }
      attr { key: 'lfunc' value { list { func { name: 'odd name' } } } }
      attr { key: 'empty' value { list { } } }
      attr { key: '_hole' value { placeholder: 'T' } }
      attr { key: '_none' value { } }
      attr { key: '_shape' value { shape { dim { size: 5 } } } } }
    # A while loop.
    node { name: 'w/enter' op: 'Enter' input: 'x' attr { key: 'T' value { type: DT_FLOAT } }
           attr { key: 'frame_name' value { s: 'w' } } }
    node { name: 'w/merge' op: 'Merge' input: 'w/enter' input: 'w/next' attr { key: 'T' value { type: DT_FLOAT } }
           attr { key: 'N' value { i: 2 } } }
    node { name: 'w/less' op: 'Less' input: 'w/merge' input: 'w/limit' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'w/limit' op: 'Const' input: '^w/merge' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 10 } } } }
    node { name: 'w/cond' op: 'LoopCond' input: 'w/less' }
    node { name: 'w/switch' op: 'Switch' input: 'w/merge' input: 'w/cond' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'w/body' op: 'Relu' input: 'w/switch:1' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'w/next' op: 'NextIteration' input: 'w/body' attr { key: 'T' value { type: DT_FLOAT } } }
    node { name: 'w/exit' op: 'Exit' input: 'w/switch' attr { key: 'T' value { type: DT_FLOAT } } }
    versions { producer: 24 min_consumer: 12 bad_consumers: 3 }
    library { function { signature { name: 'f' } } }
  )");
}

}  // namespace tarn::testing
