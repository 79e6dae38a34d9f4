#include "tests/property/random_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/text.h"
#include "ops/support/half.h"

namespace tarn::testing {

// splitmix64 (Steele, Lea, Flood 2014)
uint64_t Random::bits() {
  state_ += 0x9e3779b97f4a7c15;
  return scrambled(state_);
}
uint64_t Random::scrambled(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

namespace {

constexpr int64_t kMostElements = 4096;  // of a tensor: graphs are many, not large

double random_float(Random& random, bool few_digits, bool specials) {
  if (specials && random.chance(0.2)) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return random.pick({std::nan(""), kInfinity, -kInfinity, -0.0, 0.0});
  }
  double value = random.unit() * 4 - 2;
  return few_digits ? std::round(value * 4) / 4 : value;
}

template <class T, class F>
void fill(Tensor& tensor, const F& f) {
  for (T& v : tensor.mutable_flat<T>()) v = static_cast<T>(f());
}

}  // namespace

Tensor random_value(DType dtype, const Shape& shape, Random& random, bool specials) {
  Tensor tensor = *Tensor::zeros(dtype, shape);
  bool few_digits = random.chance(0.4);
  auto real = [&] { return random_float(random, few_digits, specials); };
  auto integer = [&] { return random.below(9) - 4; };
  auto natural = [&] { return random.below(5); };
  switch (dtype) {
    case DType::kFloat: fill<float>(tensor, real); break;
    case DType::kDouble: fill<double>(tensor, real); break;
    case DType::kHalf: fill<uint16_t>(tensor, [&] { return float_to_half(static_cast<float>(real())); }); break;
    case DType::kBFloat16: fill<uint16_t>(tensor, [&] { return float_to_bfloat16(static_cast<float>(real())); }); break;
    case DType::kInt32: fill<int32_t>(tensor, integer); break;
    case DType::kInt64: fill<int64_t>(tensor, integer); break;
    case DType::kInt16: fill<int16_t>(tensor, integer); break;
    case DType::kInt8: fill<int8_t>(tensor, integer); break;
    case DType::kUInt8: fill<uint8_t>(tensor, natural); break;
    case DType::kUInt16: fill<uint16_t>(tensor, natural); break;
    case DType::kUInt32: fill<uint32_t>(tensor, natural); break;
    case DType::kUInt64: fill<uint64_t>(tensor, natural); break;
    case DType::kBool: fill<bool>(tensor, [&] { return random.chance(0.5); }); break;
    case DType::kString:
      for (std::string& v : tensor.mutable_flat<std::string>()) v = random.pick({"", "a", "tarn", "1.5"});
      break;
    default: break;
  }
  return tensor;
}

std::string type_text(DType dtype, const Shape& shape) {
  return str_cat(dtype_short_name(dtype), shape.to_string());
}

Result<std::vector<Tensor>> run_graph(const Graph& graph, const std::vector<Session::Feed>& feeds,
                                      const std::vector<std::string>& fetches) {
  SessionOptions options;
  options.threads = 1;
  options.seed = 1;
  options.limits.most_iterations = 10'000;
  options.limits.most_value_bytes = int64_t{64} << 20;
  Session session(graph, options);
  (void)session.InitializeTables();  // one that cannot be filled is said to be empty by who reads it
  std::vector<Tensor> values;
  TARN_RETURN_IF_ERROR(session.Run(feeds, fetches, &values));
  return values;
}

Result<std::vector<Tensor>> run_case(const GraphCase& graph_case) {
  return run_graph(graph_case.graph, graph_case.feeds, graph_case.outputs);
}

void DrawCounts::add(const DrawCounts& other) {
  for (const auto& [name, count] : other.pieces) {
    pieces[name].drawn += count.drawn;
    pieces[name].refused += count.refused;
  }
  for (const auto& [op, count] : other.ops) ops[op] += count;
}

std::string Piece::import(size_t value) {
  for (const auto& [name, index] : imports_) {
    if (index == value) return name;
  }
  const Tensor& tensor = values_[value].tensor;
  std::string name = str_cat("in", imports_.size());
  line(name, ": ", type_text(tensor.dtype(), tensor.shape()), " = Placeholder");
  imports_.emplace_back(name, value);
  return name;
}

std::string Piece::constant(std::string_view name, const Tensor& tensor) {
  std::string text = tensor_to_text(tensor);
  std::string type = type_text(tensor.dtype(), tensor.shape());
  line(name, ": ", type, " = ", text.substr(type.size()));
  return std::string(name);
}

std::string Piece::placeholder(std::string_view name, const Tensor& tensor) {
  Shape declared = tensor.shape();
  if (random_.chance(0.35) && declared.rank() > 0) declared.set_dim(0, kUnknownDim);
  if (random_.chance(0.05)) declared = Shape::unknown_of_rank(declared.rank());
  if (random_.chance(0.04)) declared = Shape::unknown();
  line(name, ": ", type_text(tensor.dtype(), declared), " = Placeholder");
  feeds_.emplace_back(std::string(name), tensor);
  return std::string(name);
}

std::optional<size_t> Piece::find(const std::function<bool(const GrownValue&)>& accepts) {
  std::vector<size_t> found;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (accepts(values_[i])) found.push_back(i);
  }
  if (found.empty()) return std::nullopt;
  // The larger of two draws: what was added later is more often what the next piece stands on.
  int count = static_cast<int>(found.size());
  return found[static_cast<size_t>(std::max(random_.below(count), random_.below(count)))];
}

std::string Piece::weights(std::string_view name, DType dtype, const Shape& shape, double shared) {
  auto same = [&](const GrownValue& v) {
    return v.is_constant && v.tensor.dtype() == dtype && v.tensor.shape() == shape;
  };
  if (random_.chance(shared)) {
    if (std::optional<size_t> value = find(same)) return import(*value);
  }
  if (random_.chance(0.1)) {  // splat
    Tensor tensor = *Tensor::zeros(dtype, shape);
    double one = random_.pick({0.0, 1.0, 1.0, -1.0, 0.5, 2.0});
    if (dtype == DType::kFloat) fill<float>(tensor, [&] { return one; });
    if (dtype == DType::kDouble) fill<double>(tensor, [&] { return one; });
    if (dtype == DType::kInt32) fill<int32_t>(tensor, [&] { return one; });
    return constant(name, tensor);
  }
  return constant(name, random_value(dtype, shape, random_, random_.chance(0.02)));
}

std::string Piece::tensor_of(DType dtype, const Shape& shape) {
  auto same = [&](const GrownValue& v) { return v.tensor.dtype() == dtype && v.tensor.shape() == shape; };
  if (random_.chance(0.7)) {
    if (std::optional<size_t> value = find(same)) return import(*value);
  }
  std::string name = str_cat("t", feeds_.size(), "_", text_.size());
  Tensor tensor = random_value(dtype, shape, random_, random_.chance(0.03));
  return random_.chance(0.5) ? constant(name, tensor) : placeholder(name, tensor);
}

namespace {

bool is_fetchable(const Fact& fact) {
  return !fact.is_ref && fact.dtype != DType::kResource && fact.dtype != DType::kVariant &&
         fact.dtype != DType::kInvalid;
}

bool is_plain(const OpDef& def) {
  bool is_stateful =
      (def.traits & (kStateful | kSourceOp | kWritesRef | kTakesVariable | kMakesContainer | kTakesContainer)) != 0;
  return !is_stateful && def.control == Control::kNone && def.needs == ServiceId::kCount;
}

class Grower {
 public:
  Grower(uint64_t seed, const SampleSource& samples) : random_(seed), samples_(samples) {}

  GraphCase grow(DrawCounts* counts);

 private:
  bool add_motif();
  bool add_from_table();
  bool add_sample();
  bool take(const Piece& piece);
  bool take(const Graph& piece, const std::vector<std::pair<std::string, size_t>>& imports,
            const std::vector<Session::Feed>& feeds, const std::vector<std::string>* exports);
  std::optional<size_t> value_for(DType dtype, const Tensor* like);
  void add_decorations(NodeId first_new);
  void copy_a_node();
  bool choose_ends(GraphCase& result);
  DrawCounts::Count& count(std::string_view kind) { return counts_.pieces[std::string(kind)]; }

  Random random_;
  const SampleSource& samples_;
  Graph graph_;
  std::vector<GrownValue> values_;
  std::vector<Session::Feed> feeds_;
  DrawCounts counts_;
  int pieces_ = 0;
};

bool Grower::take(const Piece& piece) {
  Result<Graph> graph = graph_from_text(piece.text());
  if (!graph.ok()) return false;
  return take(*graph, piece.imports(), piece.feeds(), piece.has_control_flow ? &piece.exports : nullptr);
}

// Runs the piece alone on the values of what it imports, then puts its nodes into the graph.
bool Grower::take(const Graph& piece, const std::vector<std::pair<std::string, size_t>>& imports,
                  const std::vector<Session::Feed>& feeds, const std::vector<std::string>* exports) {
  std::vector<Session::Feed> fed = feeds;
  std::map<NodeId, Wire> known;  // of the piece's nodes: where they are in the graph
  for (const auto& [name, value] : imports) {
    fed.emplace_back(name, values_[value].tensor);
    known[*piece.find(name)] = values_[value].wire;
  }
  std::vector<std::string> fetches;
  for (NodeId id : piece.ids()) {
    const Node& node = piece.node(id);
    if (known.contains(id) || exports != nullptr) continue;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      if (is_fetchable(node.outputs[slot])) fetches.push_back(piece.wire_name({id, static_cast<int>(slot)}));
    }
  }
  if (exports != nullptr) fetches = *exports;
  if (fetches.empty()) return false;
  Result<std::vector<Tensor>> fetched = run_graph(piece, fed, fetches);
  if (!fetched.ok()) return false;
  for (const Tensor& tensor : *fetched) {
    if (tensor.element_count() > kMostElements) return false;
  }

  Graph grown = graph_;
  std::string prefix = str_cat("p", pieces_, "/");
  Result<std::vector<NodeId>> order = topological_order(piece);
  if (!order.ok()) return false;
  std::vector<std::pair<NodeId, int>> back_edges;
  for (NodeId id : *order) {
    if (known.contains(id)) continue;
    const Node& node = piece.node(id);
    NodeSpec spec{
        .name = grown.unique_name(prefix + node.name), .op = node.op, .attrs = node.attrs, .device = node.device};
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Wire input = node.inputs[i];
      auto it = known.find(input.node);
      if (it == known.end()) {
        back_edges.emplace_back(id, static_cast<int>(i));
        spec.inputs.push_back({});
      } else {
        // What is imported may be any output of its node, but is the only one of its stand-in.
        spec.inputs.push_back({it->second.node, it->second.slot + input.slot});
      }
    }
    for (NodeId control : node.controls) spec.controls.push_back(known.at(control).node);
    Result<NodeId> added = grown.add(std::move(spec));
    if (!added.ok()) return false;
    known[id] = {*added, 0};
  }
  for (auto [id, input] : back_edges) {
    Wire from = piece.node(id).inputs[static_cast<size_t>(input)];
    if (!grown.connect_back_edge(known[id].node, input, {known[from.node].node, from.slot}).ok()) return false;
  }
  if (grown.library.empty()) grown.library = piece.library;  // every piece that calls functions has the same
  NodeId first_new = graph_.id_limit();
  graph_ = std::move(grown);
  ++pieces_;
  for (size_t i = 0; i < fetches.size(); ++i) {
    Wire local = *piece.find_wire(fetches[i]);
    Wire wire{known[local.node].node, local.slot};
    values_.push_back({wire, (*fetched)[i], graph_.node(wire.node).is("Const")});
  }
  for (const auto& [name, tensor] : feeds) {
    feeds_.emplace_back(graph_.node(known[*piece.find(name)].node).name, tensor);
  }
  if (exports == nullptr) add_decorations(first_new);
  return true;
}

// Control edges, devices, attrs that are nobody's business.
void Grower::add_decorations(NodeId first_new) {
  for (NodeId id = first_new; id < graph_.id_limit(); ++id) {
    if (random_.chance(0.04) && !values_.empty()) {
      NodeId before = random_.pick(values_).wire.node;
      if (before < first_new) graph_.add_control(id, before);
    }
    if (random_.chance(0.05)) graph_.set_device(id, random_.pick({"/device:CPU:0", "/job:worker/task:0"}));
    if (random_.chance(0.03)) graph_.set_attr(id, "_class", std::vector<std::string>{"loc:@somewhere"});
  }
}

bool Grower::add_motif() {
  double total = 0;
  for (const Motif& motif : motifs()) total += motif.weight;
  double at = random_.unit() * total;
  const Motif* chosen = &motifs()[0];
  for (const Motif& motif : motifs()) {
    chosen = &motif;
    if ((at -= motif.weight) < 0) break;
  }
  Piece piece(random_, values_);
  if (!chosen->draw(piece)) return false;
  DrawCounts::Count& counted = count(str_cat("motif ", chosen->name));
  ++counted.drawn;
  bool taken = take(piece);
  counted.refused += taken ? 0 : 1;
  return taken;
}

std::optional<size_t> Grower::value_for(DType dtype, const Tensor* like) {
  Piece chooser(random_, values_);
  auto fits = [&](const GrownValue& v) { return dtype == DType::kInvalid || v.tensor.dtype() == dtype; };
  if (like != nullptr && random_.chance(0.7)) {
    auto alike = [&](const GrownValue& v) { return fits(v) && v.tensor.shape() == like->shape(); };
    if (std::optional<size_t> value = chooser.find(alike)) return value;
  }
  return chooser.find(fits);
}

AttrValue random_attr(const AttrSpec& spec, Random& random) {
  if (!spec.allowed_strings.empty()) return random.pick(spec.allowed_strings);
  if (spec.kind == "bool") return random.chance(0.5);
  if (spec.kind == "type" && !spec.allowed_types.empty()) return random.pick(spec.allowed_types);
  if (spec.kind == "type") return random.pick({DType::kFloat, DType::kInt32, DType::kHalf, DType::kDouble});
  if (spec.has_default && random.chance(0.7)) return spec.default_value;
  if (spec.kind == "int") return random.below(4) - (random.chance(0.3) ? 2 : 0);
  if (spec.kind == "float") return random.pick({0.0, 0.5, 1.0, 0.001, -1.0});
  if (spec.kind == "list(int)" && random.chance(0.5)) return AttrValue(std::vector<int64_t>{1, 1, 1, 1});
  if (spec.kind == "list(int)") return AttrValue(std::vector<int64_t>{random.below(3)});
  return spec.default_value;
}

// An op by its signature alone, on values at hand.
bool Grower::add_from_table() {
  const std::vector<OpRegistry::Op>& ops = all_ops().ops();
  const OpRegistry::Op& op = ops[static_cast<size_t>(random_.below(static_cast<int>(ops.size())))];
  if (!is_plain(*op.def) || op.schema.inputs().empty()) return false;
  DrawCounts::Count& counted = count("table");
  ++counted.drawn;
  ++counted.refused;  // until it is taken
  AttrMap attrs;
  std::vector<size_t> inputs;
  std::map<std::string_view, DType> types;
  const Tensor* first = nullptr;
  for (const ArgSpec& arg : op.schema.inputs()) {
    if (arg.is_ref || arg.dtype == DType::kResource || arg.dtype == DType::kVariant) return false;
    int copies = arg.number_attr.empty() && arg.type_list_attr.empty() ? 1 : 1 + random_.below(3);
    for (int i = 0; i < copies; ++i) {
      DType dtype = arg.dtype;
      if (!arg.type_attr.empty() && types.contains(arg.type_attr)) dtype = types[arg.type_attr];
      std::optional<size_t> value = value_for(dtype, first);
      if (!value) return false;
      if (!arg.type_attr.empty()) types[arg.type_attr] = values_[*value].tensor.dtype();
      if (first == nullptr) first = &values_[*value].tensor;
      inputs.push_back(*value);
    }
  }
  auto follows = [&](std::string_view name) {
    return std::any_of(op.schema.inputs().begin(), op.schema.inputs().end(), [&](const ArgSpec& arg) {
      return arg.type_attr == name || arg.number_attr == name || arg.type_list_attr == name;
    });
  };
  for (const AttrSpec& spec : op.schema.attrs()) {
    if (!follows(spec.name)) attrs.set(spec.name, random_attr(spec, random_));
  }
  Piece shell(random_, values_);
  std::vector<std::string> names;
  for (size_t value : inputs) names.push_back(shell.import(value));
  Result<Graph> graph = graph_from_text(shell.text());
  if (!graph.ok()) return false;
  NodeSpec spec{.name = op.def->name.substr(0, 1) == "_" ? "op" : std::string(op.def->name),
                .op = std::string(op.def->name),
                .attrs = attrs};
  for (const std::string& name : names) spec.inputs.push_back(*graph->find_wire(name));
  if (!graph->add(std::move(spec)).ok() || !take(*graph, shell.imports(), {}, nullptr)) return false;
  --counted.refused;
  return true;
}

// An op on inputs that its tests know: some of them constants, some fed, some made of what is at hand by a change of
// shape.
bool Grower::add_sample() {
  if (!samples_) return false;
  std::optional<OpSample> sample = samples_(random_);
  if (!sample) return false;
  DrawCounts::Count& counted = count("sample");
  ++counted.drawn;
  ++counted.refused;  // until it is taken
  Piece piece(random_, values_);
  std::vector<std::string> names;
  for (size_t i = 0; i < sample->inputs.size(); ++i) {
    const Tensor& input = sample->inputs[i];
    if (input.element_count() > kMostElements) return false;
    DType dtype = input.dtype();
    auto same = [&](const GrownValue& v) { return v.tensor.dtype() == dtype && v.tensor.shape() == input.shape(); };
    auto enough = [&](const GrownValue& v) {
      return v.tensor.dtype() == dtype && v.tensor.element_count() >= input.element_count();
    };
    std::string name = str_cat("x", i);
    std::optional<size_t> value;
    if (dtype_is_floating(dtype) && random_.chance(0.6)) {
      if ((value = piece.find(same))) {
        names.push_back(piece.import(*value));
        continue;
      }
      if ((value = piece.find(enough))) {
        std::vector<int32_t> dims;
        for (int64_t dim : input.shape().dims()) dims.push_back(static_cast<int32_t>(dim));
        std::string from = piece.import(*value);
        piece.line(name, "_all: i32[1] = {-1}");
        piece.line(name, "_zero: i32[1] = {0}");
        piece.line(name, "_size: i32[1] = {", input.element_count(), "}");
        piece.constant(name + "_shape", Tensor::vector<int32_t>(dims));
        piece.line(name, "_flat = Reshape(", from, ", ", name, "_all)");
        piece.line(name, "_cut = Slice(", name, "_flat, ", name, "_zero, ", name, "_size)");
        piece.line(name, " = Reshape(", name, "_cut, ", name, "_shape)");
        names.push_back(name);
        continue;
      }
    }
    names.push_back(random_.chance(0.6) ? piece.constant(name, input) : piece.placeholder(name, input));
  }
  Result<Graph> graph = graph_from_text(piece.text());
  if (!graph.ok()) return false;
  NodeSpec spec{.name = "y", .op = sample->op, .attrs = sample->attrs};
  for (const std::string& name : names) spec.inputs.push_back(*graph->find_wire(name));
  if (!graph->add(std::move(spec)).ok() || !take(*graph, piece.imports(), piece.feeds(), nullptr)) return false;
  --counted.refused;
  return true;
}

// The same node again, beside itself: a common subexpression.
void Grower::copy_a_node() {
  if (values_.empty()) return;
  GrownValue value = random_.pick(values_);
  const Node& node = graph_.node(value.wire.node);
  if (node.def == nullptr || !is_plain(*node.def->def)) return;
  NodeSpec spec{.name = graph_.unique_name(node.name), .op = node.op, .inputs = node.inputs, .attrs = node.attrs};
  if (random_.chance(0.3)) spec.controls = node.controls;
  if (node.has_trait(kCommutative) && spec.inputs.size() >= 2 && random_.chance(0.5))
    std::swap(spec.inputs[0], spec.inputs[1]);
  Result<NodeId> added = graph_.add(std::move(spec));
  if (added.ok()) values_.push_back({{*added, value.wire.slot}, value.tensor, value.is_constant});
}

// What is asked for, and what the passes are told is an input. False if the graph does not run so.
bool Grower::choose_ends(GraphCase& result) {
  Piece chooser(random_, values_);
  int outputs = 1 + random_.below(4);
  for (int i = 0; i < outputs; ++i) {
    std::optional<size_t> value =
        chooser.find([&](const GrownValue& v) { return !v.is_constant || random_.chance(0.1); });
    if (!value) continue;
    std::string name = graph_.wire_name(values_[*value].wire);
    bool is_there = std::find(result.outputs.begin(), result.outputs.end(), name) != result.outputs.end();
    if (!is_there) result.outputs.push_back(name);
  }
  if (result.outputs.empty()) return false;
  result.feeds = feeds_;
  if (random_.chance(0.2)) {  // inner nodes as inputs
    for (const auto& [name, tensor] : feeds_) result.inputs.push_back(name);
    for (int i = random_.below(2); i >= 0; --i) {
      std::optional<size_t> value =
          chooser.find([&](const GrownValue& v) { return graph_.node(v.wire.node).outputs.size() == 1; });
      std::string name = graph_.node(values_[*value].wire.node).name;
      if (std::find(result.inputs.begin(), result.inputs.end(), name) != result.inputs.end()) continue;
      // Ints mean something (shapes, indices): their values stay.
      const Tensor& tensor = values_[*value].tensor;
      bool is_free = dtype_is_floating(tensor.dtype());
      result.feeds.emplace_back(name, is_free ? random_value(tensor.dtype(), tensor.shape(), random_) : tensor);
      result.inputs.push_back(name);
    }
  }
  // From text, its lines perhaps in another order: then what a regression file says is the very same graph.
  std::string text = graph_to_text(graph_);
  if (random_.chance(0.4)) {
    std::vector<std::string> lines = str_split(text, '\n');
    for (size_t i = lines.size(); i > 1; --i)
      std::swap(lines[i - 1], lines[static_cast<size_t>(random_.below(static_cast<int>(i)))]);
    text = str_join(lines, "\n");
  }
  Result<Graph> graph = graph_from_text(text);
  if (!graph.ok()) return false;
  result.graph = *std::move(graph);
  return run_case(result).ok();
}

GraphCase Grower::grow(DrawCounts* counts) {
  int wanted = 2 + random_.below(9);
  for (int tries = 0; pieces_ < wanted && tries < 400; ++tries) {
    double what = random_.unit();
    if (values_.empty() || what < 0.55) {
      add_motif();
    } else if (what < 0.75) {
      add_from_table();
    } else {
      add_sample();
    }
    if (random_.chance(0.1)) copy_a_node();
  }
  GraphCase result;
  bool done = false;
  for (int tries = 0; tries < 20 && !done; ++tries) {
    result = GraphCase();
    done = choose_ends(result);
    DrawCounts::Count& counted = count("ends");
    ++counted.drawn;
    counted.refused += done ? 0 : 1;
  }
  if (counts != nullptr) {
    for (NodeId id : result.graph.ids()) ++counts_.ops[result.graph.node(id).op];
    counts->add(counts_);
  }
  return result;
}

}  // namespace

const std::vector<Motif>& motifs() {
  static const std::vector<Motif> kAll = [] {
    std::vector<Motif> all;
    for (const MotifFile* file : motif_files) all.insert(all.end(), file->motifs.begin(), file->motifs.end());
    return all;
  }();
  return kAll;
}

GraphCase random_graph(uint64_t seed, const SampleSource& samples, DrawCounts* counts) {
  // Now and then nothing of what was drawn can be fetched together (an Assert that fails in one of its branches …).
  for (uint64_t attempt = 0;; ++attempt) {
    GraphCase result = Grower(seed + attempt * 0x100000001, samples).grow(counts);
    if (!result.outputs.empty() && result.graph.node_count() > 0) return result;
  }
}

}  // namespace tarn::testing
