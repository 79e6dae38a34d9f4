#include "runtime/inline_calls.h"

#include <algorithm>

#include "runtime/inliner.h"

namespace tarn {
namespace {

void sort_unique(std::vector<int>& nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
}

bool takes_resources(const AttrMap& attrs) {
  for (std::string_view name : {"Tin", "T"}) {
    const AttrValue* types = attrs.find(name);
    if (types == nullptr || !types->is<std::vector<DType>>()) continue;
    const auto& list = types->as<std::vector<DType>>();
    if (std::find(list.begin(), list.end(), DType::kResource) != list.end()) return true;
  }
  return false;
}

}  // namespace

// --- NodeSource ------------------------------------------------------------------------------------------------------
const Inliner::NewNode* Inliner::written(int n) const {
  if (n >= base_count_) return &made_[static_cast<size_t>(n - base_count_)];
  auto it = replaced_.find(n);
  return it == replaced_.end() ? nullptr : &it->second;
}

std::string_view Inliner::name(int n) const {
  return n >= base_count_ ? std::string_view(written(n)->name) : base_.name(n);
}

std::string_view Inliner::op(int n) const {
  const NewNode* node = written(n);
  return node != nullptr ? std::string_view(node->op) : base_.op(n);
}

std::span<const Wire> Inliner::inputs(int n) const {
  if (const NewNode* node = written(n)) return node->inputs;
  auto rewired = rewired_.find(n);
  return rewired != rewired_.end() ? std::span<const Wire>(rewired->second) : base_.inputs(n);
}

std::span<const int> Inliner::controls(int n) const {
  const NewNode* node = written(n);
  return node != nullptr ? std::span<const int>(node->controls) : base_.controls(n);
}

Result<AttrMap> Inliner::attrs(int n) const {
  if (const NewNode* node = written(n)) return *node->attrs;
  return base_.attrs(n);
}

std::vector<int> Inliner::order() const {
  std::vector<int> order;
  order.reserve(static_cast<size_t>(node_count()));
  struct Place {
    int node, next, end;  // what was written for the node
  };
  std::vector<Place> stack;
  auto open = [&](int n) {
    auto range = written_for_.find(n);
    if (range == written_for_.end()) {
      order.push_back(n);
    } else {
      stack.push_back({n, range->second.first, range->second.second});
    }
  };
  for (int n = 0; n < base_count_; ++n) {
    open(n);
    while (!stack.empty()) {
      Place& place = stack.back();
      if (place.next < place.end) {
        open(place.next++);
      } else {
        order.push_back(place.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

int Inliner::origin(int node) const {
  while (node >= base_count_) node = written(node)->call;
  return node;
}

// --- writing nodes ---------------------------------------------------------------------------------------------------
int Inliner::add(std::string name, std::string_view op, std::vector<Wire> inputs, Attrs attrs,
                 std::vector<int> controls) {
  std::string unique = name;
  for (int i = 1; names_.contains(unique) || base_.find(unique) >= 0; ++i) unique = str_cat(name, "_", i);
  made_.push_back(
      {std::move(unique), std::string(op), std::move(inputs), std::move(controls), std::move(attrs), current_});
  names_.insert(made_.back().name);
  return node_count() - 1;
}

int Inliner::add(std::string name, std::string_view op, std::vector<Wire> inputs, AttrMap attrs,
                 std::vector<int> controls) {
  return add(std::move(name), op, std::move(inputs), std::make_shared<const AttrMap>(std::move(attrs)),
             std::move(controls));
}

Status Inliner::spend(int64_t nodes, int64_t bytes) {
  spent_ += nodes + bytes / kBytesOfANode;
  if (spent_ <= options_.max_nodes) return {};
  return resource_exhausted("the functions written out here make more than ", options_.max_nodes,
                            " nodes, or wires, names and attrs that take as much memory");
}

int Inliner::after(Wire wire) {
  std::string_view producer = op(wire.node);
  if (producer != "Switch" && producer != "RefSwitch") return wire.node;
  auto [it, fresh] = after_.try_emplace({wire.node, wire.slot}, -1);
  if (!fresh) return it->second;
  AttrMap type;
  if (Result<AttrMap> given = attrs(wire.node); given.ok() && given->contains("T")) type.set("T", *given->find("T"));
  it->second = add(str_cat(name(current_), "/side_", wire.slot), "Identity", {wire}, std::move(type));
  return it->second;
}

int Inliner::gathered(const std::vector<int>& nodes, const std::string& name) {
  if (nodes.size() < 2) return nodes.empty() ? -1 : nodes[0];
  return add(name, "NoOp", {}, AttrMap(), nodes);
}

void Inliner::finish(int n, const std::vector<Wire>& outputs, const std::vector<DType>& types, std::vector<int> done) {
  for (size_t i = 0; i < outputs.size(); ++i) redirected_[{n, static_cast<int>(i)}] = outputs[i];
  NewNode stays;
  stays.op = "NoOp";
  AttrMap attrs;
  if (options_.as_file && !outputs.empty()) {
    stays.op = outputs.size() == 1 ? "Identity" : "IdentityN";
    stays.inputs = outputs;
    for (Wire wire : outputs) std::erase(done, wire.node);
    if (outputs.size() == 1) {
      attrs.set("T", types[0]);
    } else {
      attrs.set("T", types);
    }
  } else {
    for (Wire wire : outputs) done.push_back(after(wire));
  }
  sort_unique(done);
  NewNode& call = n >= base_count_ ? made(n) : replaced_.at(n);
  call.op = stays.op;
  call.inputs = std::move(stays.inputs);
  call.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  call.controls = std::move(done);
}

// --- calls -----------------------------------------------------------------------------------------------------------
Status Inliner::expand_call(int n, const NewNode& call, const FunctionAttr& function) {
  std::vector<int> controls;
  if (int before = gathered(call.controls, call.name + "/input_control_node"); before >= 0) controls = {before};
  TARN_ASSIGN_OR_RETURN(Body body, write_body(function, call.inputs, call.name, controls));
  std::vector<DType> types = body.dtypes;
  if (const AttrValue* declared = call.attrs->find("Tout"); declared != nullptr && declared->is<std::vector<DType>>()) {
    types = declared->as<std::vector<DType>>();
    TARN_RETURN_IF_ERROR(judge_count(function, body.outputs.size(), types.size()));
  }
  std::vector<Wire> outputs = outputs_after(body, types, call.name, controls);
  std::vector<int> done = body.effects;
  if (outputs.empty() && done.empty()) {
    done = controls;
    for (Wire wire : call.inputs) done.push_back(after(wire));
  }
  finish(n, outputs, types, std::move(done));
  return {};
}

Status Inliner::expand(int n) {
  const NewNode call = *written(n);
  Call kind = call_at(n);
  TARN_ASSIGN_OR_RETURN(std::vector<FunctionAttr> functions, functions_of(kind, call.op, *call.attrs));
  current_ = n;
  int first = node_count();
  Status status;
  switch (kind) {
    case Call::kPartitioned:
    case Call::kByName: status = expand_call(n, call, functions[0]); break;
    case Call::kIf: status = expand_if(n, call, functions); break;
    case Call::kCase: status = expand_case(n, call, functions); break;
    case Call::kWhile: status = expand_while(n, call, functions); break;
    case Call::kNone: break;
  }
  written_for_[n] = {first, node_count()};
  return status;
}

bool Inliner::stays_as_it_is(Call kind, const AttrMap& attrs) const {
  bool is_control_flow = kind == Call::kIf || kind == Call::kCase || kind == Call::kWhile;
  return options_.keep_plain_control_flow && is_control_flow && !takes_resources(attrs);
}

// Writes out a call and the calls in what was written for it.
Status Inliner::expand_all(int n) {
  NewNode call;
  call.name = base_.name(n);
  call.op = base_.op(n);
  call.inputs.assign(base_.inputs(n).begin(), base_.inputs(n).end());
  call.controls.assign(base_.controls(n).begin(), base_.controls(n).end());
  TARN_ASSIGN_OR_RETURN(AttrMap attrs, base_.attrs(n));
  Call kind = call_at(n);
  if (stays_as_it_is(kind, attrs)) return {};
  Result<std::vector<FunctionAttr>> functions = functions_of(kind, call.op, attrs);
  if (!functions.ok()) return functions.status().with_context(label(n)).with_node(call.name);
  int64_t total = spent_;
  for (const FunctionAttr& function : *functions) {
    Result<int64_t> size = judge_.judge(function.name);
    if (!size.ok()) return size.status().with_context(label(n)).with_node(call.name);
    total += *size;
  }
  if (total > options_.max_nodes) {
    return resource_exhausted(label(n), ": the calls make more than ", options_.max_nodes, " nodes in all")
        .with_node(call.name);
  }
  std::string what = label(n);
  call.attrs = std::make_shared<const AttrMap>(std::move(attrs));
  replaced_[n] = std::move(call);
  pending_ = {n};
  while (!pending_.empty()) {
    int next = pending_.back();
    pending_.pop_back();
    std::string here = label(next);
    Status status = expand(next);
    if (!status.ok()) return status.with_context(here).with_node(name(n));
  }
  return {};
}

// Takes back what was written from node `first` on, for `call`.
void Inliner::forget_from(int first, int call) {
  for (int n = first; n < node_count(); ++n) {
    names_.erase(written(n)->name);
    written_for_.erase(n);
  }
  while (node_count() > first) made_.pop_back();
  replaced_.erase(call);
  written_for_.erase(call);
  std::erase_if(redirected_,
                [&](const auto& entry) { return entry.first.first == call || entry.first.first >= first; });
  std::erase_if(after_, [&](const auto& entry) { return entry.second >= first; });
  pending_.clear();
}

// --- wires to what was a call ----------------------------------------------------------------------------------------
Result<Wire> Inliner::resolved(Wire wire) {
  std::vector<std::pair<int, int>> path;
  while (!fed_.contains({wire.node, wire.slot})) {
    auto it = redirected_.find({wire.node, wire.slot});
    if (it == redirected_.end()) break;
    path.push_back(it->first);
    if (path.size() > redirected_.size())
      return invalid_argument(node_label("call", name(wire.node)), ": it is given its own output back");
    wire = it->second;
  }
  for (const auto& passed : path) redirected_[passed] = wire;  // so that nobody follows it twice
  return wire;
}

Status Inliner::resolve_all(const CompileRequest& request) {
  std::vector<char> was_call(static_cast<size_t>(base_count_), 0);
  for (const auto& [n, call] : replaced_) was_call[static_cast<size_t>(n)] = 1;
  for (int n = 0; n < base_count_; ++n) {
    std::span<const Wire> given = base_.inputs(n);
    bool reads_call = std::any_of(given.begin(), given.end(), [&](Wire wire) {
      return !wire.is_none() && was_call[static_cast<size_t>(wire.node)] != 0;
    });
    if (!reads_call || was_call[static_cast<size_t>(n)] != 0) continue;
    std::vector<Wire> wires(given.begin(), given.end());
    for (Wire& wire : wires) {
      TARN_ASSIGN_OR_RETURN(wire, resolved(wire));
    }
    rewired_.emplace(n, std::move(wires));
  }
  auto resolve = [&](NewNode& node) -> Status {
    for (Wire& wire : node.inputs) {
      TARN_ASSIGN_OR_RETURN(wire, resolved(wire));
    }
    return {};
  };
  for (auto& [n, node] : replaced_) TARN_RETURN_IF_ERROR(resolve(node));
  for (NewNode& node : made_) TARN_RETURN_IF_ERROR(resolve(node));
  request_ = request;
  for (Wire& fetch : request_.fetches) {
    TARN_ASSIGN_OR_RETURN(fetch, resolved(fetch));
  }
  return {};
}

Status Inliner::run(const CompileRequest& request, const std::vector<CallNode>& calls) {
  for (const CompileRequest::Feed& feed : request.feeds) fed_.insert({feed.tensor.node, feed.tensor.slot});
  for (const CallNode& call : calls) {
    int first = node_count();
    int64_t spent = spent_;
    Status status = expand_all(call.node);
    if (status.ok()) continue;
    if (call.is_needed) return status;
    forget_from(first, call.node);
    spent_ = spent;
  }
  return resolve_all(request);
}

namespace {

bool is_fed(const CompileRequest& request, Wire wire) {
  return std::any_of(request.feeds.begin(), request.feeds.end(),
                     [&](const CompileRequest::Feed& feed) { return feed.tensor == wire; });
}

// By node: whether the request needs it.
std::vector<char> needed_nodes(const NodeSource& source, const CompileRequest& request) {
  std::vector<char> needed(static_cast<size_t>(source.node_count()), 0);
  std::vector<int> open;
  auto visit = [&](int n) {
    if (needed[static_cast<size_t>(n)] != 0) return;
    needed[static_cast<size_t>(n)] = 1;
    open.push_back(n);
  };
  for (Wire wire : request.fetches) {
    if (!is_fed(request, wire)) visit(wire.node);
  }
  for (int target : request.targets) visit(target);
  while (!open.empty()) {
    int n = open.back();
    open.pop_back();
    for (Wire wire : source.inputs(n)) {
      if (!wire.is_none() && !is_fed(request, wire)) visit(wire.node);
    }
    for (int control : source.controls(n)) visit(control);
  }
  return needed;
}

}  // namespace

Result<std::unique_ptr<InlinedGraph>> inline_calls(const NodeSource& source, const CompileRequest& request,
                                                   const OpRegistry& ops, const InlineCallsOptions& options) {
  // Most graphs call nothing, and what a file's library holds does not matter then.
  std::string_view bytes = source.function_library();
  std::vector<int> may_call;
  for (int n = 0; n < source.node_count(); ++n) {
    std::string_view op = source.op(n);
    if (call_of(op) != Call::kNone || (!bytes.empty() && ops.find(op) == nullptr)) may_call.push_back(n);
  }
  if (!options.only.empty()) {
    std::erase_if(may_call,
                  [&](int n) { return std::find(options.only.begin(), options.only.end(), n) == options.only.end(); });
  }
  if (may_call.empty()) return std::unique_ptr<InlinedGraph>();
  std::vector<char> needed = needed_nodes(source, request);
  if (!options.all_calls) std::erase_if(may_call, [&](int n) { return needed[static_cast<size_t>(n)] == 0; });
  if (may_call.empty()) return std::unique_ptr<InlinedGraph>();

  std::shared_ptr<const void> owner = source.function_library_owner();
  if (owner == nullptr) {
    auto copy = std::make_shared<const std::string>(bytes);
    bytes = *copy;
    owner = copy;
  }
  TARN_ASSIGN_OR_RETURN(FunctionLibrary library, FunctionLibrary::parse(bytes, std::move(owner)));
  std::vector<Inliner::CallNode> calls;
  for (int n : may_call) {
    if (call_of(source.op(n), library, ops) != Call::kNone) calls.push_back({n, needed[static_cast<size_t>(n)] != 0});
  }
  if (calls.empty()) return std::unique_ptr<InlinedGraph>();
  auto inliner = std::make_unique<Inliner>(source, ops, std::move(library), options);
  TARN_RETURN_IF_ERROR(inliner->run(request, calls));
  return std::unique_ptr<InlinedGraph>(std::move(inliner));
}

}  // namespace tarn
