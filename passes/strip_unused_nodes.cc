// strip_unused_nodes: only what the outputs need stays, from the inputs on, which become Placeholders.
//
// Before:  raw -> Cast (an input) -> Relu (the output) -> a loss        After:  Placeholder -> Relu
// When:    always. An input (any Placeholder that is needed, if none are given) that is a Placeholder stays as it is;
// any other becomes one, of the dtype and shape that are
//          known of it. With type= and shape= for all of these, or name=, type_for_name= and shape_for_name= for one,
//          what is known can be made narrower ([?,299,299,3] to [1,299,299,3], a Placeholder's too if it is named) and
//          what is not known can be said. What contradicts what is known is an error
// Keeps:   the names of inputs and outputs, what fills tables that are needed, and Placeholders that are needed
// besides.
//          Nobody stands beside a node that is gone (`_class`).   Contract: exact.
// Ends:    a second run finds Placeholders, of the shapes that were told, and nothing that no output needs.
// TensorFlow's: took float and a scalar for what nobody told, so that uint8 images became floats and every input [].
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "core/op_schema.h"
#include "graph/patch.h"
#include "passes/pass.h"
#include "passes/support/unneeded_nodes.h"

namespace tarn {
namespace {

constexpr PassArg kArgs[] = {
    {.name = "type", .doc = "dtype of inputs that become Placeholders; by default what the graph says"},
    {.name = "shape",
     .doc = "shape of these: \"1,299,299,3\", -1 for a size that varies; by default what the graph says"},
    {.name = "name", .doc = "an input that type_for_name and shape_for_name speak of", .is_list = true},
    {.name = "type_for_name", .doc = "its dtype: one for each name, or none", .is_list = true},
    {.name = "shape_for_name", .doc = "its shape: one for each name, or none", .is_list = true}};

// What was told of an input.
struct Told {
  std::optional<DType> dtype;
  std::optional<Shape> shape;
};

Result<DType> parse_dtype(std::string_view arg, const std::string& text) {
  if (std::optional<DType> dtype = dtype_from_name(text)) return *dtype;
  return invalid_argument("argument ", arg, " is ", quoted(text), ", which is no dtype: float, int32, uint8 …");
}

// "1,299,299,3"; -1 and ? vary; "" is a scalar.
Result<Shape> parse_shape(std::string_view arg, const std::string& text) {
  std::vector<int64_t> dims;
  for (const std::string& piece : str_split(text, ',', true)) {
    int64_t dim = kUnknownDim;
    auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), dim);
    bool is_number = error == std::errc() && end == piece.data() + piece.size() && dim >= kUnknownDim;
    if (piece != "?" && !is_number)
      return invalid_argument("argument ", arg, " is ", quoted(text), ", expected sizes as in \"1,299,299,3\"");
    dims.push_back(piece == "?" ? kUnknownDim : dim);
  }
  return Shape::make(dims);
}

class StripUnusedNodes {
 public:
  StripUnusedNodes(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  Status run() {
    TARN_ASSIGN_OR_RETURN(outputs_, context_.find(graph_, context_.outputs));
    TARN_ASSIGN_OR_RETURN(inputs_, context_.find(graph_, context_.inputs));
    std::sort(inputs_.begin(), inputs_.end());  // "x" and "x:0" are one
    inputs_.erase(std::unique(inputs_.begin(), inputs_.end()), inputs_.end());
    TARN_RETURN_IF_ERROR(read_args());
    // What reads the inputs' other outputs may be nothing that is needed.
    std::vector<NodeId> unneeded = unneeded_nodes(graph_, inputs_, outputs_);
    cut_loose(graph_, unneeded);
    wait_no_longer(graph_, inputs_, unneeded);
    Problems problems;
    for (NodeId& id : inputs_) problems.add(settle(id));
    for (const auto& [id, told] : told_of_) {
      NodeId same = id;
      if (inputs_.empty()) problems.add(settle(same));
    }
    TARN_RETURN_IF_ERROR(problems.to_status(""));
    int removed = static_cast<int>(unneeded.size());
    remove_nodes(graph_, unneeded);
    removed += remove_unneeded_nodes(graph_, inputs_, outputs_);
    if (removed > 0) {
      context_.changed("graph", str_cat(removed, removed == 1 ? " node" : " nodes", " that no output needs"));
    }
    return {};
  }

 private:
  Status read_args() {
    const PassArgs& args = context_.args;
    if (args.has("type")) {
      TARN_ASSIGN_OR_RETURN(told_.dtype, parse_dtype("type", args.text("type")));
    }
    if (args.has("shape")) {
      TARN_ASSIGN_OR_RETURN(told_.shape, parse_shape("shape", args.text("shape")));
    }
    std::vector<std::string> names = args.list("name");
    std::vector<std::string> dtypes = args.list("type_for_name"), shapes = args.list("shape_for_name");
    auto one_each = [&](size_t count) { return count == 0 || count == names.size(); };
    if (!one_each(dtypes.size()) || !one_each(shapes.size())) {
      return invalid_argument("there are ", names.size(), " name=, ", dtypes.size(), " type_for_name= and ",
                              shapes.size(), " shape_for_name=; expected one for each name, or none");
    }
    Problems problems;
    for (size_t i = 0; i < names.size(); ++i) {
      Result<NodeId> id = graph_.find_node(names[i]);
      problems.add(id.status());
      if (!id.ok()) continue;
      bool is_input = std::find(inputs_.begin(), inputs_.end(), *id) != inputs_.end() ||
                      (inputs_.empty() && graph_.node(*id).is("Placeholder"));
      if (!is_input) problems.add(invalid_argument("argument name is ", quoted(names[i]), ", which is no input"));
      Told& told = told_of_[*id];
      if (!dtypes.empty()) {
        TARN_ASSIGN_OR_RETURN(told.dtype, parse_dtype("type_for_name", dtypes[i]));
      }
      if (!shapes.empty()) {
        TARN_ASSIGN_OR_RETURN(told.shape, parse_shape("shape_for_name", shapes[i]));
      }
    }
    return problems.to_status("");
  }

  // Of an op unknown here, what reads it knows the dtype.
  DType dtype_of(NodeId id) const {
    if (!graph_.node(id).outputs.empty() && graph_.fact({id, 0}).dtype != DType::kInvalid)
      return graph_.fact({id, 0}).dtype;
    for (const Use& use : graph_.uses(id)) {
      const Node& user = graph_.node(use.node);
      if (use.input == Use::kControl || use.slot != 0 || user.def == nullptr) continue;
      AttrMap attrs = user.attrs;
      std::vector<InputInfo> inputs(user.inputs.size());
      NodeTypes types;
      if (user.def->schema.resolve(user.name, attrs, inputs, {}, types).ok())
        return types.inputs[static_cast<size_t>(use.input)].dtype;
    }
    return DType::kInvalid;
  }

  // The input is a Placeholder afterwards, perhaps under a new id.
  Status settle(NodeId& id) {
    const Node& node = graph_.node(id);
    auto named = told_of_.find(id);
    bool is_named = named != told_of_.end();
    bool is_placeholder = node.is("Placeholder");
    if (is_placeholder && !is_named) return {};
    Told told = told_;
    if (is_named && (named->second.dtype || is_placeholder)) told.dtype = named->second.dtype;
    if (is_named && (named->second.shape || is_placeholder)) told.shape = named->second.shape;

    DType dtype = dtype_of(id);
    if (dtype != DType::kInvalid && told.dtype && *told.dtype != dtype) {
      return invalid_argument("input ", quoted(node.name), " is ", dtype_name(dtype), " and cannot become ",
                              dtype_name(*told.dtype), "; without a type it stays what it is");
    }
    if (dtype == DType::kInvalid && !told.dtype) {
      return invalid_argument("input ", quoted(node.name), ": of op ", quoted(node.op),
                              " nothing is known here; say its dtype with type=");
    }
    dtype = told.dtype.value_or(dtype);
    Shape shape = node.outputs.empty() ? Shape::unknown() : node.outputs[0].shape;
    if (told.shape) {
      Result<Shape> merged = shape.merge(*told.shape);
      if (!merged.ok()) {
        return invalid_argument("input ", quoted(node.name), " has shape ", shape.to_string(), " and cannot become ",
                                told.shape->to_string());
      }
      shape = *merged;
    }
    if (is_placeholder) return narrow(id, shape);
    return replace(id, dtype, shape);
  }

  Status narrow(NodeId id, const Shape& shape) {
    const Node& node = graph_.node(id);
    if (node.outputs[0].shape == shape) return {};
    graph_.set_attr(id, "shape", shape);
    context_.changed(node.name, str_cat("has shape ", shape.to_string()));
    return graph_.reinfer(id);
  }

  Status replace(NodeId& id, DType dtype, const Shape& shape) {
    std::string name = graph_.node(id).name;
    const std::vector<Use>& uses = graph_.uses(id);
    bool is_read_elsewhere = context_.wants_other_outputs(name) || std::any_of(uses.begin(), uses.end(), [](Use use) {
                               return use.input != Use::kControl && use.slot != 0;
                             });
    if (is_read_elsewhere) {
      return invalid_argument("input ", quoted(name), ": not only the first output of ", quoted(graph_.node(id).op),
                              " is read; a Placeholder has one");
    }
    Patch patch(graph_, outputs_);
    patch.keep(inputs_);
    Wire placeholder =
        patch.add({.name = name + "/input", .op = "Placeholder", .attrs = {{"dtype", dtype}, {"shape", shape}}});
    patch.replace_node(id, placeholder);
    TARN_RETURN_IF_ERROR(patch.commit());
    std::replace(outputs_.begin(), outputs_.end(), id, placeholder.node);
    id = placeholder.node;
    context_.changed(name, str_cat("becomes a Placeholder ", graph_.fact(placeholder).to_string()));
    return {};
  }

  Graph& graph_;
  PassContext& context_;
  std::vector<NodeId> inputs_, outputs_;
  Told told_;
  std::map<NodeId, Told> told_of_;
};

Status strip_unused_nodes(Graph& graph, PassContext& context) {
  return StripUnusedNodes(graph, context).run();
}

constexpr std::string_view kDoc =
    R"(Only what the outputs need stays, from the inputs on, which become Placeholders.
  Before:  raw -> Cast (an input) -> Relu (the output) -> a loss        After:  Placeholder -> Relu
  When:    always. An input that is a Placeholder stays as it is; any other becomes one, of the dtype and shape that are
           known of it. With type= and shape= for all of these, or name=, type_for_name= and shape_for_name= for one,
           what is known can be made narrower ([?,299,299,3] to [1,299,299,3], a Placeholder's too if it is named) and
           what is not known can be said. What contradicts what is known is an error
  Keeps:   the names of inputs and outputs, what fills tables that are needed, and Placeholders that are needed besides.
           Nobody stands beside a node that is gone (_class).
  TensorFlow's took float and a scalar for what nobody told.)";

}  // namespace

extern const PassDef pass_strip_unused_nodes;
const PassDef pass_strip_unused_nodes = {
    .name = "strip_unused_nodes", .doc = kDoc, .contract = exact(), .run = strip_unused_nodes, .args = kArgs};

}  // namespace tarn
