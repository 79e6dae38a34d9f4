// sparsify_gather: rows looked up in a column of weights that are mostly zero are looked up in a table without the
// zeros.
//
// Before:  y = Gather(Const w: f32[n, 1], ids)
// After:   table = HashTableV2;  InitializeTableV2(table, w/indices, w/values);
//          y = ExpandDims(LookupTableFindV2(table, ids, 0), -1);   NoOp group_init_node waits for the initializer
// When:    w, perhaps behind Identities, is read by Gathers and GatherV2s along axis 0 alone, none of them in a loop
//          or a branch; it is neither an input nor an output, and some of its values are zero. With input_checkpoint
//          also the Variables and VariableV2s that the outputs need: what else reads them (Assigns, a Saver) is left
//          behind
// Math:    a row that the table does not have is +0 (-0 it has). Rows beyond n were an error, and are zero now
// Keeps:   the names of the Gathers.   Contract: exact.
// Ends:    every change leaves one column less that is gathered from.
// Source:  TensorFlow tools/graph_transforms sparsify_gather. It dropped everything below 1e-5, whatever the scale of
//          the weights, took ids of int32 for int64, tore nodes apart that read the weights otherwise, and failed on
//          weights of another shape. Its references to tables are handles here.
#include <algorithm>
#include <cmath>

#include "graph/variable_values.h"
#include "passes/support/rewriter.h"
#include "passes/support/waiting_nodes.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "input_checkpoint",
     .fallback = "",
     .doc = "the values of variables: a prefix, a folder, any of its files"},
    {.name = "group_init_node",
     .fallback = "group_deps",  // TensorFlow's
     .doc = "the NoOp that is to be run first, which fills the tables; it is made if there is none"},
};

bool is_reference_variable(const Node& node) {
  return node.is("Variable") || node.is("VariableV2");
}

bool is_column(const Shape& shape) {
  return shape.rank() == 2 && shape.dim(0) > 0 && shape.dim(1) == 1;
}

class Sparsifier {
 public:
  Sparsifier(WaitingNodes waiting, std::vector<bool> needed, std::optional<CheckpointReader> checkpoint,
             std::string group)
      : waiting_(std::move(waiting)),
        needed_(std::move(needed)),
        checkpoint_(std::move(checkpoint)),
        group_(std::move(group)) {}

  Status visit(Rewriter& r, NodeId id) {
    const Node& node = r.node(id);
    bool is_variable = checkpoint_ && is_reference_variable(node);
    if (!node.is("Const") && !is_variable) return {};
    if (r.is_public(id) || waiting_.has(id) || node.outputs[0].dtype != DType::kFloat) return {};
    if (!is_column(node.outputs[0].shape)) return {};
    std::vector<NodeId> gathers;
    if (!collect_gathers(r, id, is_variable, gathers) || gathers.empty()) return {};
    Tensor weights;
    if (is_variable) {
      TARN_ASSIGN_OR_RETURN(std::vector<Tensor> values, read_variables(r.graph(), std::span(&id, 1), *checkpoint_));
      weights = values[0];
    } else {
      weights = node.outputs[0].value;
    }
    return sparsify(r, id, weights, gathers);
  }

 private:
  // Whether nothing but gathers reads `id`; `gathers` has them then.
  bool collect_gathers(const Rewriter& r, NodeId id, bool skips_unneeded, std::vector<NodeId>& gathers) const {
    for (const Use& use : r.graph().uses(id)) {
      // Made since, or needed. An Assign or a Saver that no output needs goes with its variable, when that is stripped.
      bool is_needed = static_cast<size_t>(use.node) >= needed_.size() || needed_[static_cast<size_t>(use.node)];
      if (skips_unneeded && !is_needed) continue;
      if (use.input != 0 || r.is_input(use.node) || waiting_.has(use.node)) return false;
      const Node& reader = r.node(use.node);
      if (reader.is("Identity") && !r.is_public(use.node)) {
        if (!collect_gathers(r, use.node, skips_unneeded, gathers)) return false;
      } else if (is_gather(r, reader)) {
        gathers.push_back(use.node);
      } else {
        return false;
      }
    }
    return true;
  }

  static bool is_gather(const Rewriter& r, const Node& node) {
    if (!node.is("Gather") && !node.is("GatherV2")) return false;
    DType ids = r.fact(node.inputs[1]).dtype;
    if (ids != DType::kInt32 && ids != DType::kInt64) return false;
    if (node.is("Gather")) return true;
    const Tensor* axis = r.constant(node.inputs[2]);
    if (axis == nullptr || node.attrs.get_or<int64_t>("batch_dims", 0) != 0) return false;
    Result<std::vector<int64_t>> number = int_values(*axis);
    return number.ok() && number->size() == 1 && (*number)[0] == 0;
  }

  Status sparsify(Rewriter& r, NodeId id, const Tensor& weights, const std::vector<NodeId>& gathers) {
    std::vector<int64_t> rows;
    std::vector<float> values;
    std::span<const float> w = weights.flat<float>();
    for (size_t i = 0; i < w.size(); ++i) {
      if (w[i] == 0 && !std::signbit(w[i])) continue;  // what the table does not have is +0
      rows.push_back(static_cast<int64_t>(i));
      values.push_back(w[i]);
    }
    if (rows.size() == w.size()) return {};  // nothing would be won
    if (rows.empty()) {                      // TensorFlow fills no table with nothing
      rows.push_back(0);
      values.push_back(0);
    }
    std::optional<NodeId> group = r.graph().find(group_);
    if (group && !r.node(*group).is("NoOp")) {
      return invalid_argument("sparsify_gather: group_init_node ", quoted(group_), " is a ", r.node(*group).op,
                              ", expected a NoOp, or the name of no node");
    }
    const std::string name = r.node(id).name;
    Patch patch = r.patch();
    Wire keys = patch.constant(name + "/indices", Tensor::vector<int64_t>(rows));
    Wire found = patch.constant(name + "/values", Tensor::vector<float>(values));
    Wire table = patch.add({.name = name + "/HashTable",
                            .op = "HashTableV2",
                            .attrs = {{"key_dtype", DType::kInt64}, {"value_dtype", DType::kFloat}}});
    Wire filler = patch.add({.name = name + "/InitializeTable",
                             .op = "InitializeTableV2",
                             .inputs = {table, keys, found},
                             .attrs = {{"Tkey", DType::kInt64}, {"Tval", DType::kFloat}}});
    if (!group) patch.add({.name = group_, .op = "NoOp", .controls = {filler.node}});
    for (NodeId gather : gathers) look_up(r, patch, gather, table);
    patch.remove_if_unused(id);
    TARN_RETURN_IF_ERROR(
        r.commit(patch, id, str_cat("of ", w.size(), " rows, those ", values.size(), " that are not zero in a table")));
    if (group) r.graph().add_control(*group, filler.node);
    // A variable that nothing assigns to any more.
    if (r.graph().is_alive(id) && r.graph().uses(id).empty()) r.graph().remove(id);
    return {};
  }

  static void look_up(Rewriter& r, Patch& patch, NodeId gather, Wire table) {
    const Node& node = r.node(gather);
    Wire ids = node.inputs[1];
    if (r.fact(ids).dtype != DType::kInt64) {
      ids = patch.add({.name = node.name + "/Cast",
                       .op = "Cast",
                       .inputs = {ids},
                       .attrs = {{"SrcT", r.fact(ids).dtype}, {"DstT", DType::kInt64}},
                       .device = node.device});
    }
    Wire missing = patch.constant(node.name + "/Const", Tensor::scalar<float>(0));
    Wire last = patch.constant(node.name + "/ExpandDims/Const", Tensor::scalar<int32_t>(-1));
    Wire rows = patch.add({.name = node.name + "/LookupTableFind",
                           .op = "LookupTableFindV2",
                           .inputs = {table, ids, missing},
                           .attrs = {{"Tin", DType::kInt64}, {"Tout", DType::kFloat}},
                           .controls = node.controls,
                           .device = node.device});
    Wire column = patch.add(
        {.name = node.name + "/ExpandDims", .op = "ExpandDims", .inputs = {rows, last}, .device = node.device});
    patch.replace_node(gather, column);
  }

  WaitingNodes waiting_;
  std::vector<bool> needed_;
  std::optional<CheckpointReader> checkpoint_;
  std::string group_;
};

Status sparsify_gather(Graph& graph, PassContext& context) {
  std::optional<CheckpointReader> checkpoint;
  if (std::string path = context.args.text("input_checkpoint"); !path.empty()) {
    TARN_ASSIGN_OR_RETURN(std::string prefix, find_checkpoint(path));
    TARN_ASSIGN_OR_RETURN(checkpoint, CheckpointReader::open(prefix));
  }
  TARN_ASSIGN_OR_RETURN(WaitingNodes waiting, WaitingNodes::of(graph));
  TARN_ASSIGN_OR_RETURN(std::vector<NodeId> outputs, context.find(graph, context.outputs));
  Sparsifier sparsifier(std::move(waiting), ancestors(graph, outputs), std::move(checkpoint),
                        context.args.text("group_init_node"));
  return rewrite(graph, context, [&](Rewriter& r, NodeId id) { return sparsifier.visit(r, id); });
}

constexpr std::string_view kDoc =
    R"(Rows looked up in a column of weights that are mostly zero are looked up in a table without the zeros.
  Before:  y = Gather(Const w: f32[n, 1], ids)
  After:   table = HashTableV2;  InitializeTableV2(table, w/indices, w/values);
           y = ExpandDims(LookupTableFindV2(table, ids, 0), -1);   the NoOp group_init_node (default group_deps)
           waits for the initializer
  When:    w, perhaps behind Identities, is read by Gathers and GatherV2s along axis 0 alone, none of them in a loop
           or a branch; it is neither an input nor an output, and some of its values are zero. With input_checkpoint
           also the Variables and VariableV2s that the outputs need
  Math:    a row that the table does not have is +0 (-0 it has). Rows beyond n were an error, and are zero now
  Keeps:   the names of the Gathers.
  TensorFlow's: dropped everything below 1e-5, whatever the scale of the weights; took ids of int32 for int64; tore
           nodes apart that read the weights otherwise; failed on weights of another shape.)";

}  // namespace

extern const PassDef pass_sparsify_gather;
const PassDef pass_sparsify_gather = {
    .name = "sparsify_gather", .doc = kDoc, .contract = exact(), .run = sparsify_gather, .args = kArgs};

}  // namespace tarn
