#include "runtime/wire.h"

#include <algorithm>
#include <optional>

#include "core/graph_version.h"
#include "core/op_schema.h"
#include "core/proto_reader.h"
#include "core/resident.h"
#include "core/search.h"
#include "core/sorting.h"
#include "core/tensor_name.h"
#include "core/utf8.h"
#include "runtime/wire_attrs.h"

namespace tarn {
namespace {

// Field numbers of TensorFlow's messages. A known field of another wire type is damage, or another kind of file.
enum GraphField : uint32_t { kNode = 1, kLibrary = 2, kVersion = 3, kVersions = 4, kDebugInfo = 5, kModelInfo = 1001 };
enum NodeField : uint32_t { kName = 1, kOp = 2, kInput = 3, kDevice = 4, kAttr = 5, kExperimentalType = 7 };
enum VersionField : uint32_t { kProducer = 1, kMinConsumer = 2, kBadConsumers = 3 };

struct Versions {
  int producer = 0, min_consumer = 0;
  std::vector<int> bad_consumers;
};

Status read_versions(std::string_view message, Versions& versions) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.field() == kBadConsumers && reader.is_bytes()) {
      std::string_view packed = reader.bytes();
      uint64_t version = 0;
      while (!packed.empty()) {
        if (!ProtoReader::take_varint(packed, version)) return data_loss("versions: a list is damaged");
        versions.bad_consumers.push_back(static_cast<int>(version));
      }
    } else if (reader.field() <= kBadConsumers && !reader.is_varint()) {
      return data_loss("versions: field ", reader.field(), " has the wrong wire type");
    } else {
      switch (reader.field()) {
        case kProducer: versions.producer = reader.as_int32(); break;
        case kMinConsumer: versions.min_consumer = reader.as_int32(); break;
        case kBadConsumers: versions.bad_consumers.push_back(reader.as_int32()); break;
        default: break;
      }
    }
  }
  return reader.status();
}

}  // namespace

Result<std::unique_ptr<WireGraph>> WireGraph::parse(std::string_view bytes, std::shared_ptr<const void> owner,
                                                    std::string file, const WireLimits& limits) {
  std::unique_ptr<WireGraph> graph(new WireGraph);
  graph->file_ = std::move(file);
  graph->bytes_ = bytes;
  graph->owner_ = std::move(owner);
  graph->limits_ = limits;
  if (bytes.empty()) return invalid_argument(in_quotes(graph->file_), ": empty model file");
  Status status = graph->read_fields();
  if (status.ok()) status = graph->link();
  if (status.ok()) status = graph->check_acyclic();
  if (!status.ok()) return status.with_context(quoted(graph->file_));
  return graph;
}

Status WireGraph::read_fields() {
  ProtoReader file(bytes_);
  const char* field_start = bytes_.data();  // of the top-level field being read, for offsets
  auto offset = [&] { return field_start - bytes_.data(); };
  auto damaged = [&](std::string_view problem) {
    return data_loss("not a GraphDef, or damaged: ", problem, " (in the field at byte ", offset(), " of ",
                     bytes_.size(), ")");
  };
  int old_version = 0;  // what files of before `versions` have
  std::optional<Versions> versions;
  for (; file.next(); field_start = file.at()) {
    const bool is_own = file.field() == kModelInfo || file.field() == kLaidOutFieldOfGraph;
    bool right = file.field() == kVersion               ? file.is_varint()
                 : file.field() <= kDebugInfo || is_own ? file.is_bytes()
                                                        : true;
    if (!right)
      return data_loss("not a GraphDef: field ", file.field(), " at byte ", offset(), " has the wrong wire type");
    switch (file.field()) {
      case kVersion: old_version = file.as_int32(); break;
      case kVersions: {
        if (!versions) versions.emplace();
        Status status = read_versions(file.bytes(), *versions);
        if (!status.ok()) return damaged(status.message());
        break;
      }
      case kLibrary: add_library(file.bytes()); break;
      case kModelInfo: model_info_ = file.bytes(); break;
      case kLaidOutFieldOfGraph: {
        Status status = add_laid_out(laid_out_, file.bytes());
        if (!status.ok()) return damaged(status.message());
        break;
      }
      case kNode: {
        std::string_view damage;
        TARN_RETURN_IF_ERROR(add_node(file.bytes(), offset(), damage));
        if (!damage.empty()) return damaged(damage);
        break;
      }
      default: break;
    }
  }
  if (!file.ok()) return damaged(file.problem());
  if (!versions) versions.emplace().producer = old_version;
  producer_ = versions->producer;
  return check_graph_versions(versions->producer, versions->min_consumer, versions->bad_consumers);
}

// `offset` of the file is where the node's field begins; `damage` says what is wrong with its bytes.
Status WireGraph::add_node(std::string_view message, int64_t offset, std::string_view& damage) {
  if (static_cast<int64_t>(nodes_.size()) == limits_.max_nodes) {
    return resource_exhausted("more than ", limits_.max_nodes, " nodes (at byte ", offset, ")");
  }
  NodeRecord record;
  record.attrs_begin = attrs_.size();
  record.input_names_begin = input_names_.size();
  std::string_view device;
  ProtoReader node(message);
  while (node.next()) {
    if (node.field() <= kExperimentalType && !node.is_bytes()) {
      return data_loss("node ", nodes_.size(), " at byte ", offset, ": field ", node.field(),
                       " has the wrong wire type");
    }
    switch (node.field()) {
      case kName: record.name = node.bytes(); break;
      case kOp: record.op = node.bytes(); break;
      case kInput: input_names_.push_back(node.bytes()); break;
      case kDevice: device = node.bytes(); break;
      case kAttr: attrs_.push_back(node.bytes()); break;
      default: break;
    }
  }
  damage = node.problem();
  if (!damage.empty()) return {};
  // Names and inputs are judged by link(), which lets less than UTF-8 pass.
  for (std::string_view text : {record.op, device}) {
    if (first_bad_utf8(text) != std::string_view::npos) {
      return invalid_argument("node ", nodes_.size(), " ", in_quotes(record.name), " at byte ", offset,
                              ": op or device ", in_quotes(text), " is not UTF-8");
    }
  }
  record.attrs_end = attrs_.size();
  record.input_names_end = input_names_.size();
  auto inputs = static_cast<int64_t>(record.input_names_end - record.input_names_begin);
  if (inputs > limits_.max_inputs_per_node) {
    return resource_exhausted("node ", in_quotes(record.name), " has ", inputs, " inputs; the limit is ",
                              limits_.max_inputs_per_node);
  }
  nodes_.push_back(record);
  return {};
}

// A message that comes in parts is their bytes one behind the other.
void WireGraph::add_library(std::string_view part) {
  if (library_.empty()) {
    library_ = part;
    library_owner_ = owner_;
    return;
  }
  auto joined = std::make_shared<const std::string>(str_cat(library_, part));
  library_ = *joined;
  library_owner_ = joined;
}

Status WireGraph::link() {
  Problems problems;
  by_name_ = sorted_order(nodes_.size(), [&](int a, int b) { return name(a) < name(b); });
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const NodeRecord& record = nodes_[n];
    Status status = check_node_name(record.name);
    std::string place = str_cat("node ", n);
    if (record.name.empty()) str_append(place, ": op ", in_quotes(record.op));
    if (!status.ok()) problems.add(status.with_context(place));
    int first = find(record.name);
    if (first != static_cast<int>(n))
      problems.add(str_cat(place, ": node name ", in_quotes(record.name), " is taken by node ", first));
    if (record.op.empty()) problems.add(str_cat(place, ": node ", in_quotes(record.name), " has no op"));
  }
  std::vector<std::string> known;  // for did_you_mean, made only when needed
  for (NodeRecord& record : nodes_) {
    record.inputs_begin = inputs_.size();
    record.controls_begin = controls_.size();
    auto place = [&](size_t i) {
      return str_cat("node ", &record - nodes_.data(), ": ", node_label(record.op, record.name), ": input ",
                     i - record.input_names_begin);
    };
    for (size_t i = record.input_names_begin; i < record.input_names_end; ++i) {
      Result<TensorName> name = parse_tensor_name(input_names_[i]);
      if (!name.ok()) {
        problems.add(name.status().with_context(place(i)));
        continue;
      }
      int producer = find(name->node);
      if (producer < 0) {
        if (known.empty()) known = names();
        problems.add(not_found(place(i), ": ", in_quotes(input_names_[i]), name->is_control ? " (control)" : "",
                               ": no node ", in_quotes(name->node), " in the graph", did_you_mean(name->node, known)));
        continue;
      }
      if (name->is_control) {
        controls_.push_back(producer);
      } else if (controls_.size() > record.controls_begin) {
        problems.add(str_cat(place(i), ": ", in_quotes(input_names_[i]),
                             " comes after a control input; data inputs come first"));
      } else {
        inputs_.push_back({producer, name->slot});
      }
    }
    record.inputs_end = inputs_.size();
    record.controls_end = controls_.size();
  }
  return problems.to_status();
}

// The i-th node that `node` waits for, inputs before controls: -1 if that is none, kNoMore behind the last. Back edges
// of loops, which all leave a NextIteration, are nothing to wait for.
int WireGraph::producer(int node, int i) const {
  std::span<const Wire> wires = inputs(node);
  auto at = static_cast<size_t>(i);
  if (at >= wires.size() + controls(node).size()) return kNoMore;
  int before = at < wires.size() ? wires[at].node : controls(node)[at - wires.size()];
  return op(before).ends_with("NextIteration") ? -1 : before;
}

// Whoever runs the graph walks it from its outputs; this finds cycles wherever they are.
Status WireGraph::check_acyclic() const {
  // Depth first. A node waits for ever if it waits for one that is open, or for one that does.
  enum : char { kNew, kOpen, kDone };
  auto count = nodes_.size();
  std::vector<char> states(count, kNew), waits(count, 0);
  std::vector<int> stack, next(count, 0);
  for (size_t n = 0; n < count; ++n) {
    if (states[n] == kNew) stack.push_back(static_cast<int>(n));
    while (!stack.empty()) {
      auto node = static_cast<size_t>(stack.back());
      states[node] = kOpen;
      int before = producer(stack.back(), next[node]++);
      if (before == kNoMore) {
        states[node] = kDone;
        stack.pop_back();
        if (!stack.empty() && waits[node] != 0) waits[static_cast<size_t>(stack.back())] = 1;
      } else if (before >= 0) {
        auto b = static_cast<size_t>(before);
        if (states[b] == kNew) stack.push_back(before);
        if (states[b] == kOpen || waits[b] != 0) waits[node] = 1;
      }
    }
  }
  auto first = first_equal(waits, 1);
  if (first == waits.end()) return {};
  // Going from one that waits for ever to the next comes back to where it was.
  std::vector<int> place(count, -1), path;
  int at = static_cast<int>(first - waits.begin());
  while (place[static_cast<size_t>(at)] < 0) {
    place[static_cast<size_t>(at)] = static_cast<int>(path.size());
    path.push_back(at);
    int before = -1;
    for (int i = 0; before < 0 || waits[static_cast<size_t>(before)] == 0; ++i) before = producer(at, i);
    at = before;
  }
  constexpr size_t kMostShown = 12;
  std::vector<std::string> names = {quoted(name(at))};
  for (size_t i = path.size(); i-- > static_cast<size_t>(place[static_cast<size_t>(at)]);) {
    if (names.size() <= kMostShown || path[i] == at) names.push_back(quoted(name(path[i])));
    if (names.size() == kMostShown && i > static_cast<size_t>(place[static_cast<size_t>(at)])) names.emplace_back("…");
  }
  return invalid_argument("the graph has a cycle: ", str_join(names, " -> "));
}

std::span<const Wire> WireGraph::inputs(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  return std::span<const Wire>(inputs_).subspan(record.inputs_begin, record.inputs_end - record.inputs_begin);
}

std::span<const int> WireGraph::controls(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  return std::span<const int>(controls_).subspan(record.controls_begin, record.controls_end - record.controls_begin);
}

// Of nodes with the same name, the first in the file.
int WireGraph::find(std::string_view wanted) const {
  auto it = std::partition_point(by_name_.begin(), by_name_.end(), [&](int node) { return name(node) < wanted; });
  return it == by_name_.end() || name(*it) != wanted ? -1 : *it;
}

std::vector<std::string> WireGraph::names() const {
  std::vector<std::string> names;
  for (const NodeRecord& record : nodes_) names.emplace_back(record.name);
  return names;
}

namespace {
bool is_within(const void* data, std::string_view bytes) {
  const auto* at = static_cast<const char*>(data);
  return at >= bytes.data() && at < bytes.data() + bytes.size();
}
}  // namespace

void WireGraph::let_go(const void* data, size_t bytes) const {
  if (is_mapped_ && bytes >= kWorthLettingGo && is_within(data, bytes_)) let_go_of_mapped(data, bytes);
}

Result<AttrMap> WireGraph::attrs(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  std::string label = node_label(record.op, record.name);
  AttrMap attrs;
  Problems problems;
  for (size_t i = record.attrs_begin; i < record.attrs_end; ++i) {
    std::string_view key;
    AttrValue value;
    Status status = decode_attr_entry(attrs_[i], owner_, limits_, key, value);
    if (status.ok()) {
      // A content that does not lie aligned was copied.
      bool is_large = is_mapped_ && attrs_[i].size() >= kWorthLettingGo;
      if (is_large && value.is<Tensor>() && !is_within(value.as<Tensor>().data(), attrs_[i]))
        let_go_of_mapped(attrs_[i].data(), attrs_[i].size());
      attrs.set(key, std::move(value));
    } else {
      status = status.with_context(str_cat(label, ": attr ", in_quotes(key)));
      if (status.code() == Code::kDataLoss)
        status = data_loss(status.message(), " (at byte ", attrs_[i].data() - bytes_.data(), ")");
      problems.add(status);
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status().with_node(record.name));
  if (producer_ <= kLastProducerWithVagueShapes && record.op == "Placeholder") {
    const AttrValue* shape = attrs.find("shape");
    if (shape != nullptr && shape->is<Shape>() && shape->as<Shape>().is_scalar()) attrs.set("shape", Shape::unknown());
  }
  return attrs;
}

}  // namespace tarn
