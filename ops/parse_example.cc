// ParseExample, ParseExampleV2, ParseSingleExample.
#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/example.h"

namespace tarn {
namespace {

using Types = std::vector<DType>;
using Shapes = std::vector<Shape>;

// Which version an op is: the keys are inputs one by one, inputs as vectors, or attrs.
enum class Form { kScalars, kVectors, kSingle };

Shape batched(const Shape& batch, const Shape& shape, bool is_single) {
  if (is_single) return shape;
  Shape whole{batch.has_rank() ? batch.dim(0) : kUnknownDim};
  for (int64_t dim : shape.dims()) whole.add_dim(dim);
  return whole;
}

template <Form kForm>
Status infer_parse(InferContext& c) {
  // Version 2 takes one example too, and then gives no batch dimension.
  bool may_be_either = kForm == Form::kVectors && !c.shape(0).has_rank();
  bool is_single =
      kForm == Form::kSingle || (kForm == Form::kVectors && c.shape(0).has_rank() && c.shape(0).rank() == 0);
  const Types &dense = c.attr<Types>("Tdense"), &sparse = c.attr<Types>("sparse_types");
  const Shapes& shapes = c.attr<Shapes>("dense_shapes");
  TARN_RETURN_IF_ERROR(judge_example_attrs(dense, shapes, sparse));
  TARN_RETURN_IF_ERROR(c.expect_rank(0, is_single ? 0 : 1, "serialized"));
  if (kForm == Form::kScalars && (c.attr<int64_t>("Nsparse") != static_cast<int64_t>(sparse.size()) ||
                                  c.attr<int64_t>("Ndense") != static_cast<int64_t>(dense.size()))) {
    return invalid_argument("attrs 'Nsparse' and 'Ndense' are ", c.attr<int64_t>("Nsparse"), " and ",
                            c.attr<int64_t>("Ndense"), ", but there are ", sparse.size(), " sparse_types and ",
                            dense.size(), " of Tdense");
  }
  if (kForm == Form::kVectors &&
      (!c.attr<Types>("ragged_value_types").empty() || !c.attr<Types>("ragged_split_types").empty())) {
    return unimplemented("ragged features");
  }
  if (kForm == Form::kVectors && c.attr<int64_t>("num_sparse") != static_cast<int64_t>(sparse.size())) {
    return invalid_argument("attr 'num_sparse' is ", c.attr<int64_t>("num_sparse"), ", but there are ", sparse.size(),
                            " sparse_types");
  }
  if (kForm == Form::kSingle) {
    size_t sparse_keys = c.attr<std::vector<std::string>>("sparse_keys").size();
    size_t dense_keys = c.attr<std::vector<std::string>>("dense_keys").size();
    if (sparse_keys != sparse.size() || dense_keys != dense.size() ||
        c.attr<int64_t>("num_sparse") != static_cast<int64_t>(sparse.size())) {
      return invalid_argument("attrs have ", sparse_keys, " sparse_keys for ", sparse.size(), " sparse_types, ",
                              dense_keys, " dense_keys for ", dense.size(), " of Tdense, num_sparse ",
                              c.attr<int64_t>("num_sparse"));
    }
  }
  const Shape batch = c.shape(0).has_rank() ? c.shape(0) : Shape{kUnknownDim};
  auto count = static_cast<int>(sparse.size());
  int64_t rank = may_be_either ? kUnknownDim : is_single ? 1 : 2;
  for (int i = 0; i < count; ++i) {
    TARN_RETURN_IF_ERROR(c.set_output(i, Shape{kUnknownDim, rank}));
    TARN_RETURN_IF_ERROR(c.set_output(count + i, Shape{kUnknownDim}));
    TARN_RETURN_IF_ERROR(c.set_output(2 * count + i, Shape{rank}));
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    Shape output = may_be_either ? Shape::unknown() : batched(batch, shapes[i], is_single);
    if (output.is_fully_known()) TARN_RETURN_IF_ERROR(output.element_count().status());
    TARN_RETURN_IF_ERROR(c.set_output(3 * count + static_cast<int>(i), output));
  }
  return {};
}

template <Form kForm>
class ParseKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dense_types_ = c.attr<Types>("Tdense");
    sparse_types_ = c.attr<Types>("sparse_types");
    shapes_ = c.attr<Shapes>("dense_shapes");
    if (kForm == Form::kSingle) {
      dense_keys_ = c.attr<std::vector<std::string>>("dense_keys");
      sparse_keys_ = c.attr<std::vector<std::string>>("sparse_keys");
    }
    return {};
  }

  Status run(RunContext& c) const override {
    bool is_single = kForm == Form::kSingle || (kForm == Form::kVectors && c.input(0).shape->rank() == 0);
    TARN_RETURN_IF_ERROR(expect_rank(c.input(0), is_single ? 0 : 1, "serialized"));
    std::span<const std::string> serialized = c.input(0).flat<std::string>(), names;
    ExampleSpec spec;
    for (DType dtype : sparse_types_) spec.sparse.push_back({{}, dtype});
    for (size_t i = 0; i < dense_types_.size(); ++i) {
      int fallback = c.input_count() - static_cast<int>(dense_types_.size() - i);
      spec.dense.push_back({{}, dense_types_[i], shapes_[i], c.input(fallback)});
    }
    if (kForm != Form::kSingle) {
      names = c.input(1).flat<std::string>();
      if (!names.empty() && names.size() != serialized.size()) {
        return invalid_argument("names must be none or as many as serialized: ", names.size(), " and ",
                                serialized.size());
      }
    }
    TARN_RETURN_IF_ERROR(find_keys(c, spec));
    for (const ExampleSpec::Dense& dense : spec.dense) TARN_RETURN_IF_ERROR(judge_fallback(dense));
    TARN_ASSIGN_OR_RETURN(ParsedExamples parsed, parse_examples(spec, serialized, names, is_single));
    int count = static_cast<int>(sparse_types_.size());
    for (int i = 0; i < count; ++i) {
      auto k = static_cast<size_t>(i);
      c.set_output(i, std::move(parsed.sparse_indices[k]));
      c.set_output(count + i, std::move(parsed.sparse_values[k]));
      c.set_output(2 * count + i, std::move(parsed.sparse_shapes[k]));
    }
    for (size_t i = 0; i < parsed.dense.size(); ++i) {
      c.set_output(3 * count + static_cast<int>(i), std::move(parsed.dense[i]));
    }
    return {};
  }

 private:
  Status find_keys(const RunContext& c, ExampleSpec& spec) const {
    size_t sparse = spec.sparse.size(), dense = spec.dense.size();
    if (kForm == Form::kSingle) {
      for (size_t i = 0; i < sparse; ++i) spec.sparse[i].key = sparse_keys_[i];
      for (size_t i = 0; i < dense; ++i) spec.dense[i].key = dense_keys_[i];
      return {};
    }
    if (kForm == Form::kVectors) {
      std::span<const std::string> sparse_keys = c.input(2).flat<std::string>(),
                                   dense_keys = c.input(3).flat<std::string>();
      if (sparse_keys.size() != sparse || dense_keys.size() != dense || c.input(4).count != 0) {
        return invalid_argument("expected ", sparse, " sparse_keys, ", dense, " dense_keys and no ragged_keys, got ",
                                sparse_keys.size(), ", ", dense_keys.size(), " and ", c.input(4).count);
      }
      for (size_t i = 0; i < sparse; ++i) spec.sparse[i].key = sparse_keys[i];
      for (size_t i = 0; i < dense; ++i) spec.dense[i].key = dense_keys[i];
      return {};
    }
    for (size_t i = 0; i < sparse + dense; ++i) {
      const TensorView& key = c.input(2 + static_cast<int>(i));
      if (key.count != 1) return invalid_argument("a key must be one string, has shape ", key.shape->to_string());
      (i < sparse ? spec.sparse[i].key : spec.dense[i - sparse].key) = *key.as<std::string>();
    }
    return {};
  }

  Types dense_types_, sparse_types_;
  Shapes shapes_;
  std::vector<std::string> dense_keys_, sparse_keys_;
};

constexpr KernelDef kKernels[] = {portable_kernel<ParseKernel<Form::kScalars>>()};
constexpr KernelDef kV2Kernels[] = {portable_kernel<ParseKernel<Form::kVectors>>()};
constexpr KernelDef kSingleKernels[] = {portable_kernel<ParseKernel<Form::kSingle>>()};

constexpr std::string_view kNoGradient = "its input is serialized messages";
constexpr std::string_view kDoc = R"(The features of a batch of tf.train.Example messages, as tensors.
  serialized  string[batch]   names  string[batch] or none: for messages   sparse_keys, dense_keys  strings
  dense_defaults  for examples without the feature; no elements: then it must be there
  returns  sparse_indices  int64[n, 2], sparse_values, sparse_shapes  int64[2]; dense_values  [batch, dense_shape]
  A dense_shape with an unknown first dim is as long as the longest, filled up with the default.
  Errors: InvalidArgument naming example and feature.   Source: TensorFlow parsing_ops ParseExample.)";
constexpr std::string_view kV2Doc =
    R"(The features of a batch of tf.train.Example messages, as tensors; keys as vectors.
  As ParseExample. Ragged features are refused.   Source: TensorFlow parsing_ops ParseExampleV2.)";
constexpr std::string_view kSingleDoc = R"(The features of one tf.train.Example message, as tensors.
  serialized  string, a scalar; the keys are attrs. As ParseExample, without a dim for the batch: sparse_indices are
  int64[n, 1], sparse_shapes int64[1].   Source: TensorFlow parsing_ops ParseSingleExample.)";

}  // namespace

extern const OpDef op_ParseExample, op_ParseExampleV2, op_ParseSingleExample;
const OpDef op_ParseExample = {
    .name = "ParseExample",
    .inputs =
        "serialized: string, names: string, sparse_keys: Nsparse * string, dense_keys: Ndense * string, "
        "dense_defaults: Tdense",
    .outputs =
        "sparse_indices: Nsparse * int64, sparse_values: sparse_types, sparse_shapes: Nsparse * int64, "
        "dense_values: Tdense",
    .attrs =
        "Nsparse: int >= 0; Ndense: int >= 0; sparse_types: list(type) >= 0; Tdense: list(type) >= 0; "
        "dense_shapes: list(shape) >= 0",
    .infer = infer_parse<Form::kScalars>,
    .kernels = kKernels,
};
const OpDef op_ParseExampleV2 = {
    .name = "ParseExampleV2",
    .inputs =
        "serialized: string, names: string, sparse_keys: string, dense_keys: string, ragged_keys: string, "
        "dense_defaults: Tdense",
    .outputs =
        "sparse_indices: num_sparse * int64, sparse_values: sparse_types, sparse_shapes: num_sparse * int64, "
        "dense_values: Tdense, ragged_values: ragged_value_types, ragged_row_splits: ragged_split_types",
    .attrs =
        "Tdense: list(type) >= 0; num_sparse: int >= 0; sparse_types: list(type) >= 0; "
        "ragged_value_types: list(type) >= 0; ragged_split_types: list(type) >= 0; dense_shapes: list(shape) >= 0",
    .infer = infer_parse<Form::kVectors>,
    .kernels = kV2Kernels,
};
const OpDef op_ParseSingleExample = {
    .name = "ParseSingleExample",
    .inputs = "serialized: string, dense_defaults: Tdense",
    .outputs =
        "sparse_indices: num_sparse * int64, sparse_values: sparse_types, sparse_shapes: num_sparse * int64, "
        "dense_values: Tdense",
    .attrs =
        "num_sparse: int >= 0; sparse_keys: list(string) >= 0; dense_keys: list(string) >= 0; "
        "sparse_types: list(type) >= 0; Tdense: list(type) >= 0; dense_shapes: list(shape) >= 0",
    .infer = infer_parse<Form::kSingle>,
    .kernels = kSingleKernels,
};

TARN_OP_FILE(parse_example, {&op_ParseExample, kDoc, nullptr, kNoGradient},
             {&op_ParseExampleV2, kV2Doc, nullptr, kNoGradient},
             {&op_ParseSingleExample, kSingleDoc, nullptr, kNoGradient})

}  // namespace tarn
