#include "graph/cost.h"

#include <algorithm>
#include <limits>

#include "core/image_codec.h"
#include "core/regex.h"
#include "graph/graph_source.h"
#include "graph/variable_values.h"
#include "runtime/compile.h"

namespace tarn {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Sizes come from files: products and sums stay at the largest number rather than overflow.
int64_t times(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMost : product;
}

void add_to(int64_t& sum, int64_t value) {
  if (__builtin_add_overflow(sum, value, &sum)) sum = kMost;
}

int64_t product_of(std::span<const int64_t> dims) {
  int64_t product = 1;
  for (int64_t dim : dims) product = times(product, dim);
  return product;
}

// Each number of input `values` takes part in as many products as the first dims of the weights say. -1: the output.
//   Conv2D: out[n,h,w,k] = sum over kh, kw, c. Depthwise: no sum over channels. Backwards: each number of out_backprop
//   meets kh * kw * c of the filter, whether the filter is what is given or what comes out.
constexpr int kOutput = -1;
struct ProductRule {
  std::string_view op;
  int values, weights;
  int weight_dims, weight_rank;
};
constexpr ProductRule kProducts[] = {{"Conv2D", kOutput, 1, 3, 4},
                                     {"QuantizedConv2D", kOutput, 1, 3, 4},
                                     {"FusedPadConv2D", kOutput, 2, 3, 4},
                                     {"FusedResizeAndPadConv2D", kOutput, 3, 3, 4},
                                     {"DepthwiseConv2dNative", kOutput, 1, 2, 4},
                                     {"Conv3D", kOutput, 1, 4, 5},
                                     {"Conv2DBackpropInput", 2, 1, 3, 4},
                                     {"Conv2DBackpropFilter", 2, kOutput, 3, 4},
                                     {"DepthwiseConv2dNativeBackpropInput", 2, 1, 2, 4},
                                     {"DepthwiseConv2dNativeBackpropFilter", 2, kOutput, 2, 4},
                                     {"Conv3DBackpropInputV2", 2, 1, 4, 5},
                                     {"Conv3DBackpropFilterV2", 2, kOutput, 4, 5}};

// Recurrent blocks: each row of x, in each step of time, meets every weight.
struct RecurrentRule {
  std::string_view op;
  int x, weights, more_weights;
};
constexpr RecurrentRule kRecurrent[] = {
    {"LSTMBlockCell", 0, 3, -1}, {"BlockLSTM", 1, 4, -1}, {"BlockLSTMV2", 1, 4, -1}, {"GRUBlockCell", 0, 2, 3}};

// Lists of ops are words between spaces.
constexpr std::string_view kMatrixProducts =
    " MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 QuantizedMatMul SparseMatMul ";
// They hold, move or choose values.
constexpr std::string_view kMoves =
    " Const Placeholder PlaceholderV2 PlaceholderWithDefault Variable VariableV2 VarHandleOp ReadVariableOp Assign "
    "AssignVariableOp NoOp Shape ShapeN Size Rank Concat ConcatV2 ConcatOffset Split SplitV Slice StridedSlice Pack "
    "Unpack ParallelConcat Transpose ConjugateTranspose Pad PadV2 MirrorPad Tile Fill ZerosLike OnesLike Range Gather "
    "GatherV2 GatherNd ResourceGather ScatterNd Reverse ReverseV2 ReverseSequence Roll SpaceToBatch SpaceToBatchND "
    "BatchToSpace BatchToSpaceND SpaceToDepth DepthToSpace ExtractImagePatches BroadcastTo BroadcastArgs "
    "ImmutableConst "
    "InvertPermutation DynamicPartition DynamicStitch ParallelDynamicStitch MatrixDiag MatrixDiagPart MatrixBandPart "
    "Switch RefSwitch Merge RefMerge Enter RefEnter Exit RefExit NextIteration RefNextIteration LoopCond "
    "ControlTrigger Select SelectV2 Where Assert Print PrintV2 TensorArrayV3 TensorArrayReadV3 TensorArrayWriteV3 "
    "TensorArrayGatherV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArrayCloseV3 QuantizedReshape QuantizedConcat "
    "QuantizedConcatV2 ResizeNearestNeighbor ";
// A window of the input for each number of the output: attr ksize.
constexpr std::string_view kPools =
    " MaxPool AvgPool MaxPool3D AvgPool3D QuantizedMaxPool QuantizedAvgPool MaxPoolWithArgmax ";
// Each number of the input once.
constexpr std::string_view kReductions =
    " Sum Mean Max Min Prod All Any EuclideanNorm ArgMax ArgMin L2Loss Cumsum Cumprod TopK TopKV2 InTopK InTopKV2 ";

// So many operations for each number of the output.
struct PerOutput {
  int operations;
  std::string_view ops;
};
constexpr PerOutput kPerOutput[] = {
    {1,
     " Add AddV2 Sub Mul Div RealDiv FloorDiv TruncateDiv DivNoNan MulNoNan Mod FloorMod TruncateMod Pow Maximum "
     "Minimum BiasAdd BiasAddV1 Neg Abs Sign Square Sqrt Rsqrt Inv Reciprocal Exp Expm1 Log Log1p Sin Cos Tan Sinh "
     "Cosh Tanh Asin Acos Atan Atan2 Asinh Acosh Atanh Erf Erfc Floor Ceil Round Rint Relu Relu6 LeakyRelu Elu Selu "
     "Sigmoid Softplus Softsign Cast CheckNumerics Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd "
     "LogicalOr LogicalNot LogicalXor IsNan IsInf IsFinite OneHot RandomUniform RandomUniformInt RandomStandardNormal "
     "TruncatedNormal QuantizedRelu QuantizedRelu6 QuantizedBiasAdd QuantizedAdd QuantizedMul "},
    // A factor and an offset; a difference and its square; two bounds.
    {2,
     " FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization SquaredDifference "
     "ClipByValue QuantizeV2 Dequantize Requantize "},
    {4,
     " FakeQuantWithMinMaxVars FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2 "
     "QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 "},
    // The largest, the differences, their exponentials, the sum, the quotients.
    {5, " Softmax LogSoftmax "},
    // Three interpolations: a difference, a product, a sum.
    {9, " ResizeBilinear "},
};

bool has_word(std::string_view words, std::string_view word) {
  return words.find(str_cat(" ", word, " ")) != std::string_view::npos;
}

// "ab,bc->ac": every label once, times its size. Nullopt for what does not fit the shapes.
std::optional<int64_t> einsum_macs(std::string equation, std::span<const Shape* const> inputs) {
  std::erase(equation, ' ');
  std::vector<std::string> terms = str_split(equation.substr(0, equation.find("->")), ',');
  if (terms.size() != inputs.size()) return std::nullopt;
  if (inputs.size() < 2) return 0;
  std::map<char, int64_t> sizes;
  int64_t dotted = 1;  // what "..." stands for, the larger of all
  for (size_t i = 0; i < terms.size(); ++i) {
    const Shape& shape = *inputs[i];
    size_t dots = terms[i].find("...");
    int more = shape.rank() - static_cast<int>(terms[i].size()) + (dots == std::string::npos ? 0 : 3);
    if (more < 0 || (more > 0 && dots == std::string::npos)) return std::nullopt;
    int64_t mine = 1;
    int dim = 0;
    for (size_t at = 0; at < terms[i].size(); ++at) {
      if (at == dots) {
        for (int d = 0; d < more; ++d) mine = times(mine, shape.dim(dim++));
        at += 2;
      } else {
        int64_t& size = sizes[terms[i][at]];
        size = std::max(size, shape.dim(dim++));
      }
    }
    dotted = std::max(dotted, mine);
  }
  int64_t macs = dotted;
  for (const auto& [label, size] : sizes) macs = times(macs, size);
  return macs;
}

bool all_known(std::span<const Shape* const> shapes) {
  return std::all_of(shapes.begin(), shapes.end(), [](const Shape* shape) { return shape->is_fully_known(); });
}

// Operations that are no multiply-accumulates; nullopt for an op that none of the tables has.
std::optional<int64_t> other_operations(const Node& node, std::span<const Shape* const> inputs,
                                        std::span<const Shape* const> outputs) {
  if (has_word(kMoves, node.op) || node.has_trait(kView) || node.has_trait(kSourceOp)) return 0;
  if (!all_known(inputs) || !all_known(outputs) || outputs.empty()) return std::nullopt;
  int64_t out = product_of(outputs[0]->dims());
  if (node.is("AddN")) return times(out, std::max<int64_t>(static_cast<int64_t>(node.inputs.size()), 1) - 1);
  for (const PerOutput& row : kPerOutput) {
    if (has_word(row.ops, node.op)) return times(out, row.operations);
  }
  if (has_word(kPools, node.op)) {
    const AttrValue* ksize = node.attrs.find("ksize");
    if (ksize == nullptr || !ksize->is<std::vector<int64_t>>()) return std::nullopt;
    return times(out, product_of(ksize->as<std::vector<int64_t>>()));
  }
  if (has_word(kReductions, node.op) && !inputs.empty()) return product_of(inputs[0]->dims());
  return std::nullopt;
}

// Whether multiply_accumulates() is all there is to say of an op.
bool is_product(std::string_view op) {
  auto has_op = [op](const auto& rule) { return rule.op == op; };
  return std::any_of(std::begin(kProducts), std::end(kProducts), has_op) ||
         std::any_of(std::begin(kRecurrent), std::end(kRecurrent), has_op) || has_word(kMatrixProducts, op) ||
         op == "Einsum" || op == "SparseTensorDenseMatMul";
}

class Estimate {
 public:
  Estimate(const Graph& graph, const CostOptions& options) : graph_(graph), options_(options) {}

  GraphCost run() {
    find_ends();
    know_sizes();
    for (NodeId id : graph_.ids()) {
      if (needed_[static_cast<size_t>(id)]) count(id);
    }
    if (takes_sizes_as_one_)
      cost_.notes.emplace_back("sizes inside that are unknown are taken as 1, the first of a tensor as the batch");
    if (has_loops_) cost_.notes.emplace_back("the body of a loop is counted once");
    if (options_.plan_memory) plan();
    return std::move(cost_);
  }

 private:
  // Names that the graph does not have are left out: whoever asked has judged them.
  void find_ends() {
    std::vector<NodeId> targets, stops;
    for (const std::string& name : options_.outputs) {
      Result<Wire> wire = graph_.find_wire(name);
      if (!wire.ok()) continue;
      targets.push_back(wire->node);
      outputs_.push_back(*wire);
    }
    for (const std::string& name : options_.inputs) {
      Result<Wire> wire = graph_.find_wire(name);
      if (!wire.ok()) continue;
      stops.push_back(wire->node);
      feeds_.push_back(*wire);
    }
    is_fed_.assign(static_cast<size_t>(graph_.id_limit()), false);
    for (NodeId id : stops) is_fed_[static_cast<size_t>(id)] = true;
    needed_ = targets.empty() ? std::vector<bool>(is_fed_.size(), true) : ancestors(graph_, targets, stops);
    for (NodeId id : graph_.ids()) {
      auto i = static_cast<size_t>(id);
      if (!needed_[i] || is_fed_[i] || !graph_.node(id).has_trait(kSourceOp)) continue;
      is_fed_[i] = true;
      feeds_.push_back({id, 0});
    }
    if (!outputs_.empty()) return;
    for (NodeId id : graph_.ids()) {
      if (graph_.uses(id).empty() && !graph_.node(id).outputs.empty()) outputs_.push_back({id, 0});
    }
  }

  // Gives the inputs their sizes and infers the rest from them.
  void know_sizes() {
    bool any = false;
    for (Wire feed : feeds_) {
      const Node& node = graph_.node(feed.node);
      const Fact& fact = graph_.fact(feed);
      // Modes and encoded files mostly; numbers may be anything.
      bool is_scalar = !fact.shape.has_rank() && (fact.dtype == DType::kBool || fact.dtype == DType::kString);
      if (!fact.shape.has_rank() && !is_scalar) {
        cost_.notes.push_back(
            str_cat("the shape of ", quoted(node.name), " is unknown: what depends on it is missing"));
        continue;
      }
      if (is_scalar)
        cost_.notes.push_back(str_cat("the unknown shape of ", quoted(node.name), " is taken as a scalar's"));
      if (fact.shape.is_fully_known()) continue;
      Shape shape = is_scalar ? Shape() : fact.shape;
      std::vector<std::string> others;
      for (int d = 0; d < shape.rank(); ++d) {
        if (shape.dim(d) >= 0) continue;
        shape.set_dim(d, d == 0 ? options_.batch : 1);
        if (d > 0) others.push_back(str_cat(d));
      }
      if (fact.shape.rank() > 0 && fact.shape.dim(0) < 0) {
        cost_.notes.push_back(str_cat("the unknown batch of ", quoted(node.name), " is taken as ", options_.batch));
      }
      if (!others.empty()) {
        cost_.notes.push_back(str_cat("unknown sizes of ", quoted(node.name), " are taken as 1: ", fact.to_string(),
                                      " as ", shape, "; real inputs cost more"));
      }
      if (node.attrs.find("shape") == nullptr || feed.slot != 0) continue;
      graph_.set_attr(feed.node, "shape", shape);
      any = true;
    }
    if (!any) return;
    Result<std::vector<NodeId>> order = topological_order(graph_);
    if (!order.ok()) return;
    for (NodeId id : *order) {
      if (!needed_[static_cast<size_t>(id)] || graph_.node(id).def == nullptr) continue;
      // What does not fit these sizes is counted as far as it is known.
      Status status = graph_.reinfer(id);
      if (!status.ok() && cost_.notes.size() < 20) cost_.notes.push_back(std::string(status.message()));
    }
  }

  Shape known(const Fact& fact) {
    Shape shape = fact.variable().shape;
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape.dim(d) >= 0) continue;
      shape.set_dim(d, d == 0 ? options_.batch : 1);
      takes_sizes_as_one_ = true;
    }
    return shape;
  }

  int64_t bytes_of(const Fact& fact) {
    const Fact& held = fact.variable();
    if (held.dtype == DType::kInvalid || held.dtype == DType::kString || held.dtype == DType::kResource) return 0;
    Shape shape = known(fact);
    return shape.is_fully_known() ? times(product_of(shape.dims()), static_cast<int64_t>(dtype_size(held.dtype))) : 0;
  }

  void count(NodeId id) {
    const Node& node = graph_.node(id);
    NodeCost own{.node = id};
    bool is_source = is_fed_[static_cast<size_t>(id)] || node.is("Const") || is_variable(node);
    bool is_constant = !node.outputs.empty() && std::all_of(node.outputs.begin(), node.outputs.end(),
                                                            [](const Fact& fact) { return fact.has_value(); });
    if (node.is("Const") || is_variable(node)) {
      if (!node.outputs.empty()) add_to(cost_.weight_bytes, bytes_of(node.outputs[0]));
    }
    has_loops_ |= node.is("NextIteration");
    if (!is_source && !is_constant) {
      count_work(node, own);
      count_bytes(node, own);
    }
    add_to(cost_.macs, own.macs);
    add_to(cost_.operations, own.operations);
    add_to(cost_.read_bytes, own.read_bytes);
    add_to(cost_.written_bytes, own.written_bytes);
    cost_.nodes.push_back(own);
  }

  void count_work(const Node& node, NodeCost& own) {
    std::vector<Shape> shapes;
    shapes.reserve(node.inputs.size() + node.outputs.size());
    for (Wire wire : node.inputs) shapes.push_back(wire.is_none() ? Shape::unknown() : known(graph_.fact(wire)));
    for (const Fact& fact : node.outputs) shapes.push_back(known(fact));
    std::vector<const Shape*> pointers;
    for (const Shape& shape : shapes) pointers.push_back(&shape);
    std::span<const Shape* const> all(pointers);
    auto inputs = all.first(node.inputs.size()), outputs = all.subspan(node.inputs.size());
    std::optional<int64_t> macs = multiply_accumulates(node.op, node.attrs, inputs, outputs);
    std::optional<int64_t> others = is_product(node.op) ? 0 : other_operations(node, inputs, outputs);
    if (!macs.has_value() || !others.has_value()) ++cost_.uncounted[node.op];
    own.macs = macs.value_or(0);
    own.operations = times(2, own.macs);
    add_to(own.operations, others.value_or(0));
  }

  void count_bytes(const Node& node, NodeCost& own) {
    bool passes_on = node.has_trait(kView) || node.is("Shape") || node.is("Rank") || node.is("Size");
    for (Wire wire : node.inputs) {
      if (wire.is_none()) continue;
      const Fact& fact = graph_.fact(wire);
      bool is_weight = fact.has_value() || fact.is_variable() || graph_.node(wire.node).is("Const");
      if (is_weight || !passes_on) add_to(is_weight ? own.weight_bytes : own.read_bytes, bytes_of(fact));
    }
    for (const Fact& fact : node.outputs) {
      if (!passes_on && !fact.is_variable()) add_to(own.written_bytes, bytes_of(fact));
    }
  }

  void plan() {
    CompileRequest request;
    for (Wire feed : feeds_) {
      const Fact& fact = graph_.fact(feed);
      if (!fact.shape.has_rank()) {
        cost_.no_program = str_cat("the shape of ", quoted(graph_.node(feed.node).name), " is unknown");
        return;
      }
      request.feeds.push_back({feed, fact.dtype, known(fact)});
    }
    request.fetches = outputs_;
    ResourceMap none;  // presence alone counts while compiling
    Services services;
    services.set_resources(&none);
    services.set<ImageCodec>(&image_codec());
    services.set<RegexCompiler>(&regex_compiler());
    CompileOptions options{.ops = &graph_.ops(), .services = &services, .keep_fetches = true};
    GraphSource source(graph_);
    Result<std::unique_ptr<Program>> program = compile(source, request, options);
    if (!program.ok()) {
      cost_.no_program = std::string(program.status().message());
      return;
    }
    cost_.program = *std::move(program);
    cost_.arena_bytes = cost_.program->stats.arena_bytes;
    cost_.arena_lower_bound_bytes = cost_.program->stats.arena_lower_bound_bytes;
  }

  Graph graph_;  // a copy, which learns the sizes
  const CostOptions& options_;
  std::vector<Wire> feeds_, outputs_;
  std::vector<bool> is_fed_, needed_;
  bool takes_sizes_as_one_ = false, has_loops_ = false;
  GraphCost cost_;
};

}  // namespace

std::optional<int64_t> multiply_accumulates(std::string_view op, const AttrMap& attrs,
                                            std::span<const Shape* const> inputs,
                                            std::span<const Shape* const> outputs) {
  if (!is_product(op)) return 0;
  if (outputs.empty() || !all_known(inputs) || !all_known(outputs)) return std::nullopt;
  auto shape = [&](int i) -> const Shape* {
    if (i == kOutput) return outputs[0];
    return static_cast<size_t>(i) < inputs.size() ? inputs[static_cast<size_t>(i)] : nullptr;
  };
  const Shape& out = *outputs[0];
  int64_t numbers = product_of(out.dims());
  for (const ProductRule& rule : kProducts) {
    if (rule.op != op) continue;
    const Shape *values = shape(rule.values), *weights = shape(rule.weights);
    if (values == nullptr || weights == nullptr || weights->rank() != rule.weight_rank) return std::nullopt;
    return times(product_of(values->dims()), product_of(weights->dims().first(static_cast<size_t>(rule.weight_dims))));
  }
  for (const RecurrentRule& rule : kRecurrent) {
    if (rule.op != op) continue;
    const Shape *x = shape(rule.x), *weights = shape(rule.weights), *more = shape(rule.more_weights);
    if (x == nullptr || weights == nullptr || x->rank() < 1) return std::nullopt;
    int64_t weight_count = product_of(weights->dims());
    if (rule.more_weights >= 0 && more != nullptr) add_to(weight_count, product_of(more->dims()));
    return times(product_of(x->dims().first(static_cast<size_t>(x->rank() - 1))), weight_count);
  }
  if (op == "Einsum") {
    std::string equation = attrs.get_or<std::string>("equation", "");
    return equation.empty() ? std::nullopt : einsum_macs(std::move(equation), inputs);
  }
  if (op == "SparseTensorDenseMatMul") {
    if (inputs.size() < 4 || out.rank() != 2) return std::nullopt;
    return times(product_of(inputs[1]->dims()), out.dim(1));
  }
  // [..., rows, k] times [..., k, columns], whatever is transposed: k is what the rows of the product leave of an
  // input.
  if (inputs.empty() || inputs[0]->rank() < 2 || out.rank() < 2) return std::nullopt;
  if (numbers == 0) return 0;
  int64_t inner = inputs[0]->dim(-1) == 0 ? 0 : times(inputs[0]->dim(-2), inputs[0]->dim(-1)) / out.dim(-2);
  return times(numbers, inner);
}

std::vector<int64_t> step_macs(const Program& program) {
  std::vector<int64_t> macs;
  for (const Step& step : program.steps) {
    auto shapes = [&](const std::vector<int>& values) {
      std::vector<const Shape*> found;
      for (int value : values) found.push_back(&program.values[static_cast<size_t>(value)].fact.shape);
      return found;
    };
    bool counts = step.kind == StepKind::kKernel || step.kind == StepKind::kPart;
    macs.push_back(counts ? multiply_accumulates(step.op, {}, shapes(step.inputs), shapes(step.outputs)).value_or(0)
                          : 0);
  }
  return macs;
}

int64_t program_macs(const Program& program) {
  int64_t total = 0;
  for (int64_t macs : step_macs(program)) add_to(total, macs);
  return total;
}

GraphCost graph_cost(const Graph& graph, const CostOptions& options) {
  return Estimate(graph, options).run();
}

}  // namespace tarn
