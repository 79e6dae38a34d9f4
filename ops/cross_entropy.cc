// SoftmaxCrossEntropyWithLogits and SparseSoftmaxCrossEntropyWithLogits.
#include "core/op.h"
#include "ops/adapted_kernel.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/kernels/softmax.h"

namespace tarn {
namespace {

// loss[i] and backprop[i, j] of features that have this shape.
Status set_outputs(InferContext& c, const Shape& features) {
  TARN_RETURN_IF_ERROR(c.set_output(0, features.has_rank() ? Shape{features.dim(0)} : Shape::unknown_of_rank(1)));
  return c.set_output(1, features.has_rank() ? features : Shape::unknown_of_rank(2));
}

Result<Shape> joint_shape(const Shape& features, const Shape& labels) {
  for (auto [shape, name] : {std::pair(&features, "features"), std::pair(&labels, "labels")}) {
    if (shape->has_rank() && shape->rank() != 2) {
      return invalid_argument("input '", name, "' must have rank 2, has shape ", shape->to_string());
    }
  }
  Result<Shape> joint = broadcast_shapes(features, labels);
  if (joint.ok()) return joint;
  return invalid_argument("labels ", labels.to_string(), " do not fit features ", features.to_string());
}

Status infer_cross_entropy(InferContext& c) {
  TARN_ASSIGN_OR_RETURN(Shape joint, joint_shape(c.shape(0), c.shape(1)));
  return set_outputs(c, joint);
}

// y = x, stretched to [rows, columns] where x has one row or one column.
template <class T>
void stretch(const TensorView& x, int64_t rows, int64_t columns, T* y) {
  int64_t row_step = x.shape->dim(0) == 1 ? 0 : x.shape->dim(1);
  int64_t column_step = x.shape->dim(1) == 1 ? 0 : 1;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) y[i * columns + j] = x.as<T>()[i * row_step + j * column_step];
  }
}

template <class T>
class CrossEntropyKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &features = c.input(0), &labels = c.input(1);
    TARN_ASSIGN_OR_RETURN(Shape shape, joint_shape(*features.shape, *labels.shape));
    int64_t rows = shape.dim(0), columns = shape.dim(1);
    TARN_ASSIGN_OR_RETURN(TensorView loss, c.output(0, Shape{rows}));
    TARN_ASSIGN_OR_RETURN(TensorView backprop, c.output(1, shape));
    if (backprop.count == 0) {
      std::fill_n(loss.as<T>(), loss.count, T(0));  // rows without classes
      return {};
    }
    const T* x = features.as<T>();
    const T* y = labels.as<T>();
    if (!(*features.shape == *labels.shape)) {
      auto count = static_cast<size_t>(backprop.count);
      TARN_ASSIGN_OR_RETURN(void* scratch, c.scratch(2 * count * sizeof(T)));
      T* copies = static_cast<T*>(scratch);
      stretch(features, rows, columns, copies);
      stretch(labels, rows, columns, copies + count);
      x = copies;
      y = copies + count;
    }
    kernels::softmax_cross_entropy<T>(c.threads(), rows, columns, x, y, loss.as<T>(), backprop.as<T>());
    return {};
  }
  Status prepare(PrepareContext& c) override {
    const Shape &features = c.input(0).shape, &labels = c.input(1).shape, &joint = c.output(1).shape;
    if (joint.is_fully_known() && !(features == labels)) {
      c.request_scratch(2 * static_cast<size_t>(joint.elements()) * sizeof(T));
    }
    return {};
  }
};

Status judge_labels(const Shape& features, const Shape& labels) {
  if (features.has_rank() && features.rank() != 2) {
    return invalid_argument("input 'features' must have rank 2, has shape ", features.to_string());
  }
  if (labels.has_rank() && labels.rank() != 1) {
    return invalid_argument("input 'labels' must have rank 1, has shape ", labels.to_string());
  }
  if (!features.has_rank() || !labels.has_rank()) return {};
  int64_t rows = features.dim(0), count = labels.dim(0);
  if (rows == kUnknownDim || count == kUnknownDim || rows == count) return {};
  return invalid_argument("there are ", count, " labels for ", rows, " rows of features");
}

Status infer_sparse_cross_entropy(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_labels(c.shape(0), c.shape(1)));
  Shape features = c.shape(0).has_rank() ? c.shape(0) : Shape::unknown_of_rank(2);
  if (features.dim(0) == kUnknownDim && c.shape(1).has_rank()) features.set_dim(0, c.shape(1).dim(0));
  return set_outputs(c, features);
}

template <class Label>
Status judge_label_values(const TensorView& labels, int64_t classes) {
  for (int64_t i = 0; i < labels.count; ++i) {
    int64_t label = labels.as<Label>()[i];
    if (label >= 0 && label < classes) continue;
    return invalid_argument("label ", label, " of row ", i, " is not in [0, ", classes, ")");
  }
  return {};
}

template <class T>
class SparseCrossEntropyKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    if (c.input(1).dtype == DType::kInt32) return run_with<int32_t>(c);
    return run_with<int64_t>(c);
  }

 private:
  template <class Label>
  static Status run_with(RunContext& c) {
    const TensorView &features = c.input(0), &labels = c.input(1);
    TARN_RETURN_IF_ERROR(judge_labels(*features.shape, *labels.shape));
    int64_t rows = features.shape->dim(0), columns = features.shape->dim(1);
    TARN_RETURN_IF_ERROR(judge_label_values<Label>(labels, columns));
    TARN_ASSIGN_OR_RETURN(TensorView loss, c.output(0, Shape{rows}));
    TARN_ASSIGN_OR_RETURN(TensorView backprop, c.output(1, *features.shape));
    if (backprop.count == 0) return {};
    kernels::sparse_softmax_cross_entropy<T, Label>(c.threads(), rows, columns, features.as<T>(), labels.as<Label>(),
                                                    loss.as<T>(), backprop.as<T>());
    return {};
  }
};

Wire as_column(GradContext& c, Wire row) {
  return c.op("ExpandDims", {row, c.constant(Tensor::scalar<int32_t>(1))});
}

// The gradient for the logits: of the loss, whose derivative is the second output, and of that output.
Wire logits_gradient(GradContext& c) {
  Wire total;
  if (!c.grad(0).is_none()) total = c.op("Mul", {as_column(c, c.grad(0)), c.output(1)});
  if (!c.grad(1).is_none()) {
    // backprop = s - labels with s = softmax(logits):  dlogits = (g - sum(g * s)) * s
    Wire g = c.grad(1), s = c.op("Softmax", {c.input(0)});
    Wire axis = c.constant(Tensor::scalar<int32_t>(1));
    Wire sum = c.op("Sum", {c.op("Mul", {g, s}), axis}, {{"keep_dims", true}});
    Wire second = c.op("Mul", {c.op("Sub", {g, sum}), s});
    total = total.is_none() ? second : c.op("Add", {total, second});
  }
  return total;
}

Status cross_entropy_gradient(GradContext& c) {
  // dfeatures = dloss * backprop
  c.set_grad(0, sum_to_shape_of(c, c.input(0), logits_gradient(c)));
  // dlabels = -dloss * log_softmax(features), and -g for the second output
  Wire dlabels;
  if (!c.grad(0).is_none()) {
    dlabels = c.op("Mul", {as_column(c, c.op("Neg", {c.grad(0)})), c.op("LogSoftmax", {c.input(0)})});
  }
  if (!c.grad(1).is_none()) {
    dlabels = dlabels.is_none() ? c.op("Neg", {c.grad(1)}) : c.op("Sub", {dlabels, c.grad(1)});
  }
  c.set_grad(1, sum_to_shape_of(c, c.input(1), dlabels));
  return {};
}

Status sparse_cross_entropy_gradient(GradContext& c) {
  // dfeatures = dloss * backprop
  c.set_grad(0, logits_gradient(c));
  return {};
}

constexpr std::string_view kDoc = R"(Softmax cross entropy with a distribution of classes a row, and its gradient.
  features  T[N, C] logits   labels  T[N, C], each row a distribution; one of the two may have 1 row, which is repeated
  returns   loss T[N] = -sum(labels * log_softmax(features)),  backprop T[N, C] = softmax(features) - labels
  Errors: InvalidArgument if the shapes do not fit.  Source: TensorFlow nn_ops SoftmaxCrossEntropyWithLogits.)";
constexpr std::string_view kSparseDoc = R"(Softmax cross entropy with one class a row, and its gradient.
  features  T[N, C] logits   labels  int32 or int64 [N], each in [0, C)
  returns   loss T[N] = -log_softmax(features)[label],  backprop T[N, C] = softmax(features) - one_hot(label)
  Errors: InvalidArgument if the sizes differ or a label is out of range, naming the row.
  Source: TensorFlow nn_ops SparseSoftmaxCrossEntropyWithLogits.)";

}  // namespace

extern const OpDef op_SoftmaxCrossEntropyWithLogits, op_SparseSoftmaxCrossEntropyWithLogits;
const OpDef op_SoftmaxCrossEntropyWithLogits = {
    .name = "SoftmaxCrossEntropyWithLogits",
    .inputs = "features: T, labels: T",
    .outputs = "loss: T, backprop: T",
    .attrs = "T: {half, bfloat16, float, double}",
    .infer = infer_cross_entropy,
    .kernels = kFloatingKernels<CrossEntropyKernel>,
};
const OpDef op_SparseSoftmaxCrossEntropyWithLogits = {
    .name = "SparseSoftmaxCrossEntropyWithLogits",
    .inputs = "features: T, labels: Tlabels",
    .outputs = "loss: T, backprop: T",
    .attrs = "T: {half, bfloat16, float, double}; Tlabels: {int32, int64} = int64",
    .infer = infer_sparse_cross_entropy,
    .kernels = kFloatingKernels<SparseCrossEntropyKernel>,
};

TARN_OP_FILE(cross_entropy, {&op_SoftmaxCrossEntropyWithLogits, kDoc, cross_entropy_gradient},
             {&op_SparseSoftmaxCrossEntropyWithLogits, kSparseDoc, sparse_cross_entropy_gradient})

}  // namespace tarn
