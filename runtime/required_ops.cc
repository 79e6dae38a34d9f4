#include "runtime/required_ops.h"

#include <algorithm>
#include <set>

#include "runtime/engine_ends.h"
#include "runtime/function_calls.h"
#include "runtime/inline_calls.h"
#include "runtime/model_info.h"
#include "runtime/quantize.h"
#include "runtime/table_initializers.h"

namespace tarn {
namespace {

// Whatever `wires` and `targets` need, up to what is fed.
std::vector<char> nodes_behind(const NodeSource& source, const std::vector<CompileRequest::Feed>& feeds,
                               const std::vector<Wire>& wires, const std::vector<int>& targets) {
  std::vector<char> needed(static_cast<size_t>(source.node_count()), 0);
  std::vector<int> left;
  auto visit = [&](int node) {
    if (node < 0 || needed[static_cast<size_t>(node)] != 0) return;
    needed[static_cast<size_t>(node)] = 1;
    left.push_back(node);
  };
  auto is_fed = [&](Wire wire) {
    return std::any_of(feeds.begin(), feeds.end(), [&](const auto& feed) { return feed.tensor == wire; });
  };
  auto visit_wire = [&](Wire wire) {
    if (!is_fed(wire)) visit(wire.node);
  };
  for (Wire wire : wires) visit_wire(wire);
  for (int target : targets) visit(target);
  while (!left.empty()) {
    int node = left.back();
    left.pop_back();
    for (Wire wire : source.inputs(node)) visit_wire(wire);
    for (int control : source.controls(node)) visit(control);
  }
  return needed;
}

}  // namespace

class RequiredOpsFinder {
 public:
  RequiredOpsFinder(const NodeSource& source, const OpRegistry& ops) : source_(source), ops_(ops) {}

  Result<RequiredOps> find(const RequiredOpsOptions& options) {
    TARN_ASSIGN_OR_RETURN(EngineEnds ends, choose_ends(source_, options.inputs, options.outputs));
    CompileRequest request;
    for (Wire wire : ends.inputs) {
      request.feeds.push_back({wire, DType::kInvalid, Shape::unknown()});
      if (const OpRegistry::Op* op = ops_.find(source_.op(wire.node))) {  // the engine reads the input's type there
        TARN_RETURN_IF_ERROR(take_node(source_, wire.node, *op));
      }
    }
    request.fetches = ends.outputs;
    std::vector<char> needed = nodes_behind(source_, request.feeds, request.fetches, {});
    for (const TableInitializer& found : find_table_initializers(source_, ops_)) {
      if (needed[static_cast<size_t>(found.table)] != 0) request.targets.push_back(found.node);
    }
    needed = nodes_behind(source_, request.feeds, request.fetches, request.targets);
    TARN_RETURN_IF_ERROR(take_calls(needed));
    TARN_ASSIGN_OR_RETURN(std::unique_ptr<InlinedGraph> inlined, inline_calls(source_, request, ops_));
    const NodeSource& written = inlined != nullptr ? inlined->source() : source_;
    if (inlined != nullptr) {
      const CompileRequest& asked = inlined->request();
      needed = nodes_behind(written, asked.feeds, asked.fetches, asked.targets);
    }
    for (int node = 0; node < written.node_count(); ++node) {
      if (needed[static_cast<size_t>(node)] == 0) continue;
      const OpRegistry::Op* op = ops_.find(written.op(node));
      if (op == nullptr) {
        missing_.emplace(written.op(node));
      } else {
        TARN_RETURN_IF_ERROR(take_node(written, node, *op));
      }
    }
    if (!missing_.empty()) {
      std::vector<std::string> names;
      for (const std::string& name : missing_) names.push_back(quoted(name));
      return unimplemented("the engine has no op ", str_join(names));
    }
    TARN_ASSIGN_OR_RETURN(found_.wants_dynamic8_, tarn::wants_dynamic8(Quantize::kAsStored, source_.model_info()));
    found_.has_laid_out_ = source_.laid_out() != nullptr;
    Result<ModelInfo> info = parse_model_info(source_.model_info());
    found_.is_tuned_ = info.ok() && !info->tunings.empty();
    return std::move(found_);
  }

 private:
  // Calls, and all ops of the functions they lead to: those are looked up when the calls are written out.
  Status take_calls(const std::vector<char>& needed) {
    std::vector<std::pair<std::string_view, AttrMap>> calls;
    TARN_ASSIGN_OR_RETURN(FunctionLibrary library,
                          FunctionLibrary::parse(source_.function_library(), source_.function_library_owner()));
    std::set<std::string_view> seen;
    std::vector<std::string_view> left;
    auto follow = [&](std::string_view op, const AttrMap& attrs) -> Status {
      Call call = call_of(op, library, ops_);
      if (call == Call::kNone) return {};
      found_.calls_functions_ = true;
      if (const OpRegistry::Op* known = ops_.find(op)) found_.entry(*known);
      TARN_ASSIGN_OR_RETURN(std::vector<FunctionAttr> functions, functions_of(call, op, attrs));
      for (const FunctionAttr& function : functions) {
        const FunctionLibrary::Function* called = library.find(function.name);
        if (called != nullptr && seen.insert(called->name).second) left.push_back(called->name);
      }
      return {};
    };
    for (int node = 0; node < source_.node_count(); ++node) {
      std::string_view op = source_.op(node);
      if (needed[static_cast<size_t>(node)] == 0 || call_of(op, library, ops_) == Call::kNone) continue;
      TARN_ASSIGN_OR_RETURN(AttrMap attrs, source_.attrs(node));
      TARN_RETURN_IF_ERROR(follow(op, attrs));
    }
    while (!left.empty()) {
      const FunctionLibrary::Function& function = *library.find(left.back());
      left.pop_back();
      for (const FunctionLibrary::Node& node : function.nodes) {
        if (const OpRegistry::Op* op = ops_.find(node.op)) found_.entry(*op);
        if (call_of(node.op, library, ops_) == Call::kNone) continue;
        TARN_ASSIGN_OR_RETURN(AttrMap attrs, library.attrs(function, node));
        TARN_RETURN_IF_ERROR(follow(node.op, attrs));
      }
    }
    return {};
  }

  Status take_node(const NodeSource& source, int node, const OpRegistry::Op& op) {
    RequiredOp& required = found_.entry(op);
    constexpr uint32_t kContainer = kMakesContainer | kTakesContainer;
    if (op.def->control != Control::kNone || (op.def->traits & kContainer) != 0) found_.has_control_flow_ = true;
    if (!taken_.emplace(&source, node).second) return {};
    ++required.nodes;
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, source.attrs(node));
    NodeTypes types;
    std::vector<InputInfo> inputs(source.inputs(node).size());
    TARN_RETURN_IF_ERROR(op.schema.resolve(source.name(node), attrs, inputs, {}, types));
    if (attrs.get_or<std::string>("data_format", "").starts_with("NC")) found_.has_channels_first_ = true;
    for (RequiredOp::Types& entry : required.types) {
      const AttrValue& value = *attrs.find(entry.attr);
      std::vector<DType> dtypes =
          value.is<DType>() ? std::vector<DType>{value.as<DType>()} : value.as<std::vector<DType>>();
      for (DType dtype : dtypes) {
        auto at = std::lower_bound(entry.dtypes.begin(), entry.dtypes.end(), dtype);
        if (at == entry.dtypes.end() || *at != dtype) entry.dtypes.insert(at, dtype);
      }
    }
    return {};
  }

  const NodeSource& source_;
  const OpRegistry& ops_;
  RequiredOps found_;
  std::set<std::pair<const NodeSource*, int>> taken_;
  std::set<std::string> missing_;
};

RequiredOp& RequiredOps::entry(const OpRegistry::Op& op) {
  auto at = std::lower_bound(ops_.begin(), ops_.end(), op.def->name,
                             [](const RequiredOp& a, std::string_view name) { return a.op < name; });
  if (at != ops_.end() && at->op == op.def->name) return *at;
  RequiredOp made{.op = std::string(op.def->name), .nodes = 0, .types = {}};
  std::string_view kernel_attr = op.schema.kernel_attr();
  for (const AttrSpec& attr : op.schema.attrs()) {
    if (attr.kind != "type" && attr.kind != "list(type)") continue;
    made.types.insert(attr.name == kernel_attr ? made.types.begin() : made.types.end(), {std::string(attr.name), {}});
  }
  return *ops_.insert(at, std::move(made));
}

void RequiredOps::add(const RequiredOps& other) {
  calls_functions_ = calls_functions_ || other.calls_functions_;
  has_control_flow_ = has_control_flow_ || other.has_control_flow_;
  has_channels_first_ = has_channels_first_ || other.has_channels_first_;
  wants_dynamic8_ = wants_dynamic8_ || other.wants_dynamic8_;
  has_laid_out_ = has_laid_out_ || other.has_laid_out_;
  is_tuned_ = is_tuned_ || other.is_tuned_;
  for (const RequiredOp& op : other.ops_) {
    auto at = std::lower_bound(ops_.begin(), ops_.end(), op.op,
                               [](const RequiredOp& a, const std::string& name) { return a.op < name; });
    if (at == ops_.end() || at->op != op.op) {
      ops_.insert(at, op);
      continue;
    }
    at->nodes += op.nodes;
    for (size_t i = 0; i < op.types.size(); ++i) {
      std::vector<DType> both;
      std::set_union(at->types[i].dtypes.begin(), at->types[i].dtypes.end(), op.types[i].dtypes.begin(),
                     op.types[i].dtypes.end(), std::back_inserter(both));
      at->types[i].dtypes = std::move(both);
    }
  }
}

Result<RequiredOps> required_ops(const NodeSource& source, const OpRegistry& ops, const RequiredOpsOptions& options) {
  return RequiredOpsFinder(source, ops).find(options);
}

std::string list_text(const RequiredOps& ops) {
  std::string text;
  if (ops.calls_functions()) text += "@functions\n";
  if (ops.calls_functions() || ops.has_control_flow()) text += "@control_flow\n";  // which calls may become
  if (ops.has_channels_first()) text += "@channels_first\n";
  if (ops.wants_dynamic8()) text += "@dynamic8\n";
  if (ops.has_laid_out()) text += "@laid_out\n";
  if (ops.is_tuned()) text += "@tuning\n";
  for (const RequiredOp& op : ops.ops()) {
    text += op.op;
    for (const RequiredOp::Types& types : op.types) {
      if (types.dtypes.empty()) continue;
      std::vector<std::string> names;
      for (DType dtype : types.dtypes) names.emplace_back(dtype_name(dtype));
      str_append(text, " ", types.attr, "=", str_join(names, ","));
    }
    text += "\n";
  }
  return text;
}

}  // namespace tarn
