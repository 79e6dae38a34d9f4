// inference_batch_norms: batch norms that were left in training mode use the moving statistics. Only when asked: it
// changes what the graph gives.
//
// Before:  y = FusedBatchNorm[V2|V3](x, gamma, beta, [], []) {is_training=true}
// After:   y = FusedBatchNorm[V2|V3](x, gamma, beta, moving_mean, moving_variance) {is_training=false}
// When:    the graph has the moving statistics as Consts (perhaps behind an Identity) named as TensorFlow names them:
//          <scope>/moving_mean and <scope>/moving_variance, where <scope> is gamma's or beta's variable's, or the batch
//          norm's own or one around that. `mean` and `variance` are their last names; `name` (several times) the batch
//          norms, by default all
//          Errors: statistics that are not in the graph, of another size or type; a batch norm whose batch statistics
//          (its other outputs) are read
// Keeps:   the name of y.   Contract: does as told.
// Ends:    every change takes a batch norm out of training mode.
#include <algorithm>

#include "passes/pass.h"
#include "passes/support/rewriter.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "mean", .fallback = "moving_mean", .doc = "the last part of the names of moving means"},
    {.name = "variance", .fallback = "moving_variance", .doc = "the last part of the names of moving variances"},
    {.name = "name", .doc = "a batch norm to change; by default all", .is_list = true}};

bool is_training_norm(const Node& node) {
  bool is_norm = node.is("FusedBatchNorm") || node.is("FusedBatchNormV2") || node.is("FusedBatchNormV3");
  return is_norm && node.def != nullptr && node.attrs.get_or<bool>("is_training", true);
}

// "a/b/c" -> "a/b"; "c" -> "".
std::string_view scope_of(std::string_view name) {
  size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}
std::string within(std::string_view scope, std::string_view name) {
  return scope.empty() ? std::string(name) : str_cat(scope, "/", name);
}

// The scopes where the statistics may be, the likeliest first.
std::vector<std::string> scopes_of(const Rewriter& r, const Node& norm) {
  std::vector<std::string> scopes;
  auto add = [&](std::string_view scope) {
    if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.emplace_back(scope);
  };
  for (size_t parameter : {size_t{1}, size_t{2}}) {
    // To the variable: through its read and the Switch of a branch.
    Wire wire = norm.inputs[parameter];
    while (r.node(wire.node).is("Identity") || r.node(wire.node).is("Switch")) wire = r.node(wire.node).inputs[0];
    if (r.node(wire.node).is("Const")) add(scope_of(r.node(wire.node).name));
  }
  for (std::string_view scope = scope_of(norm.name);; scope = scope_of(scope)) {
    add(scope);
    if (scope.empty()) return scopes;
  }
}

std::optional<Wire> statistic(const Rewriter& r, const std::string& name) {
  std::optional<NodeId> id = r.graph().find(name);
  if (!id) return std::nullopt;
  NodeId at = *id;
  while (r.node(at).is("Identity") && !r.is_input(at)) at = r.node(at).inputs[0].node;
  if (r.constant({at, 0}) == nullptr) return std::nullopt;
  return Wire{at, 0};
}

class Converter {
 public:
  Converter(Rewriter& rewriter, Problems& problems)
      : r_(rewriter),
        problems_(problems),
        mean_(rewriter.context().args.text("mean")),
        variance_(rewriter.context().args.text("variance")) {}

  Status convert(NodeId id) {
    const Node& norm = r_.node(id);
    if (r_.is_input(id)) return {};
    if (r_.uses_other_outputs(id)) {
      problems_.add(invalid_argument(norm.op, " ", quoted(norm.name), ": its batch statistics are read", reader_of(id),
                                     ": it has to stay in training mode"));
      return {};
    }
    for (const std::string& scope : scopes_of(r_, norm)) {
      std::optional<Wire> mean = statistic(r_, within(scope, mean_)),
                          variance = statistic(r_, within(scope, variance_));
      if (mean && variance) return replace(id, *mean, *variance);
    }
    problems_.add(not_found(norm.op, " ", quoted(norm.name), ": the graph has no constants ",
                            quoted(within(scopes_of(r_, norm)[0], mean_)), " and ",
                            quoted(within(scopes_of(r_, norm)[0], variance_)), nearest()));
    return {};
  }

 private:
  std::string reader_of(NodeId id) const {
    for (const Use& use : r_.graph().uses(id)) {
      if (use.input != Use::kControl && use.slot != 0) return str_cat(" by ", quoted(r_.node(use.node).name));
    }
    return {};
  }

  std::string nearest() const {
    std::vector<std::string> constants;
    for (NodeId node : r_.graph().ids()) {
      if (r_.node(node).is("Const") && r_.node(node).name.find(mean_) != std::string::npos)
        constants.push_back(r_.node(node).name);
    }
    if (constants.empty())
      return str_cat(", nor any other whose name has ", quoted(mean_),
                     " in it; freeze_graph keeps what the outputs need only, and in training mode they do not need it");
    constexpr size_t kMost = 3;
    constants.resize(std::min(constants.size(), kMost));
    return str_cat("; it has ", str_join(constants));
  }

  Status replace(NodeId id, Wire mean, Wire variance) {
    const Node& norm = r_.node(id);
    Patch patch = r_.patch();
    NodeSpec spec = copy_of(norm, "/inference");
    spec.inputs[3] = mean;
    spec.inputs[4] = variance;
    spec.attrs.set("is_training", false);
    patch.replace_node(id, patch.add(std::move(spec)));
    std::string what =
        str_cat("now normalizes by ", quoted(r_.node(mean.node).name), " and ", quoted(r_.node(variance.node).name),
                " instead of the batch's own statistics: the outputs change");
    return r_.commit(patch, id, what);
  }

  Rewriter& r_;
  Problems& problems_;
  std::string mean_, variance_;
};

Status inference_batch_norms(Graph& graph, PassContext& context) {
  TARN_ASSIGN_OR_RETURN(Rewriter r, Rewriter::make(graph, context));
  std::vector<std::string> names = context.args.list("name");
  std::vector<NodeId> norms;
  Problems problems;
  for (const std::string& name : names) {
    Result<NodeId> id = graph.find_node(name);
    if (!id.ok()) {
      problems.add(id.status());
    } else if (is_training_norm(graph.node(*id))) {
      norms.push_back(*id);
    }
  }
  for (NodeId id : graph.ids()) {
    if (names.empty() && is_training_norm(graph.node(id))) norms.push_back(id);
  }
  Converter converter(r, problems);
  for (NodeId id : norms) {
    if (context.changes >= context.most_changes) break;
    if (graph.is_alive(id)) TARN_RETURN_IF_ERROR(converter.convert(id));
  }
  return problems.to_status("");
}

constexpr std::string_view kDoc =
    R"(Batch norms that were left in training mode use the moving statistics. Only when asked: the outputs change.
  Before:  y = FusedBatchNorm[V2|V3](x, gamma, beta, [], []) {is_training=true}
  After:   y = FusedBatchNorm[V2|V3](x, gamma, beta, moving_mean, moving_variance) {is_training=false}
  When:    the graph has the moving statistics as Consts named as TensorFlow names them: <scope>/moving_mean and
           <scope>/moving_variance, where <scope> is gamma's or beta's variable's, or the batch norm's own or one around
           that. Errors: statistics that are not in the graph or do not fit; a batch norm whose batch statistics are read
  Keeps:   the name of y.)";

}  // namespace

extern const PassDef pass_inference_batch_norms;
const PassDef pass_inference_batch_norms = {
    .name = "inference_batch_norms", .doc = kDoc, .contract = as_told(), .run = inference_batch_norms, .args = kArgs};

}  // namespace tarn
