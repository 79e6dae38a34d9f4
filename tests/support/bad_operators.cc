#include "tests/support/bad_operators.h"

#include <gtest/gtest.h>

#include "graph/all_ops.h"
#include "graph/graph_def.h"
#include "graph/graph_io.h"
#include "graph/tensor_proto.h"
#include "graph/text.h"

namespace tarn::testing {
namespace {

class Writer {
 public:
  Writer(const BadOperator& bad, Known known) : known_(known) {
    std::vector<Tensor> inputs;
    for (const std::string& text : bad.inputs) {
      Result<Tensor> tensor = tensor_from_text(text);
      EXPECT_TRUE(tensor.ok()) << tensor.status().to_string();
      inputs.push_back(tensor.ok() ? *tensor : Tensor::scalar<float>(0));
    }
    pb::NodeDef node;
    node.set_name("y");
    node.set_op(bad.op);
    for (size_t i = 0; i < inputs.size(); ++i) node.add_input(add_input(str_cat("x", i), inputs[i]));
    set_attrs(bad, inputs, node);
    *def_.add_node() = node;
    model_.bytes = serialize(def_);
  }

  BadModel take() { return std::move(model_); }

 private:
  std::string add_input(const std::string& name, const Tensor& value) {
    switch (known_) {
      case Known::kConstants: return add_constant(name, value);
      case Known::kFeeds: return add_feed(name, value);
      case Known::kRanks:
      case Known::kNothing: break;
    }
    // Of the rank that as many sizes say, which come as a feed, or which come out of one that may have any length.
    Result<Tensor> flat = value.reshaped({value.element_count()});
    std::string data = add_feed(name + "_flat", *flat);
    std::string sizes = add_feed(name + "_sizes", Tensor::vector<int64_t>(value.shape().dims()));
    if (known_ == Known::kNothing) {
      pb::NodeDef* slice = add_node(name + "_some", "Slice", {{"T", DType::kInt64}, {"Index", DType::kInt32}});
      slice->add_input(sizes);
      slice->add_input(add_feed(name + "_begin", Tensor::from<int32_t>({1}, {0})));
      slice->add_input(add_feed(name + "_size", Tensor::from<int32_t>({1}, {value.shape().rank()})));
      sizes = slice->name();
    }
    pb::NodeDef* reshape = add_node(name, "Reshape", {{"T", value.dtype()}, {"Tshape", DType::kInt64}});
    reshape->add_input(data);
    reshape->add_input(sizes);
    return name;
  }

  std::string add_constant(const std::string& name, const Tensor& value) {
    add_node(name, "Const", {{"dtype", value.dtype()}, {"value", value}});
    return name;
  }

  std::string add_feed(const std::string& name, const Tensor& value) {
    add_node(name, "Placeholder", {{"dtype", value.dtype()}, {"shape", Shape::unknown()}});
    model_.feeds.emplace_back(name, value);
    return name;
  }

  pb::NodeDef* add_node(const std::string& name, const std::string& op,
                        std::initializer_list<std::pair<const char*, AttrValue>> attrs) {
    pb::NodeDef* node = def_.add_node();
    node->set_name(name);
    node->set_op(op);
    for (const auto& [attr, value] : attrs) (*node->mutable_attr())[attr] = attr_to_proto(value);
    return node;
  }

  // As the table says; beside these, types and counts as the inputs have them.
  static void set_attrs(const BadOperator& bad, const std::vector<Tensor>& inputs, pb::NodeDef& node) {
    static const OpRegistry kNoOps{std::span<const OpDef* const>()};
    Result<Graph> graph =
        graph_from_text(str_cat("y = ", bad.op, " {", bad.attrs, "}\n"), {.allow_unknown_ops = true, .ops = &kNoOps});
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    AttrMap attrs = graph->node(0).attrs;
    const OpRegistry::Op* op = all_ops().find(bad.op);
    if (op != nullptr) {
      const std::vector<ArgSpec>& args = op->schema.inputs();
      size_t next = 0;
      for (const ArgSpec& arg : args) {
        size_t count = arg.number_attr.empty() ? 1 : inputs.size() + 1 - args.size();
        auto missing = [&](std::string_view attr) { return !attr.empty() && !attrs.contains(attr); };
        if (missing(arg.number_attr)) attrs.set(arg.number_attr, static_cast<int64_t>(count));
        if (missing(arg.type_attr) && next < inputs.size()) attrs.set(arg.type_attr, inputs[next].dtype());
        next += count;
      }
    }
    for (const auto& [name, value] : attrs) (*node.mutable_attr())[name] = attr_to_proto(value);
  }

  Known known_;
  pb::GraphDef def_;
  BadModel model_;
};

}  // namespace

BadModel bad_model(const BadOperator& bad, Known known) {
  return Writer(bad, known).take();
}

Result<Tensor> run_session(const Graph& graph, const std::vector<Session::Feed>& feeds) {
  Session session(graph, {.threads = 1});
  std::vector<Tensor> out;
  TARN_RETURN_IF_ERROR(session.Run(feeds, {"y:0"}, &out));
  return out[0];
}

std::string label(const BadOperator& bad, Known known) {
  const char* kHow[] = {"constants", "fed", "dims known by the run alone", "ranks known by the run alone"};
  return str_cat("row ", bad.row, ", ", bad.op, ": ", bad.what, "; ", kHow[static_cast<int>(known)]);
}

void expect_value(const BadOperator& bad, const Result<Tensor>& made, const char* where) {
  ASSERT_TRUE(made.ok()) << where << ": " << made.status().to_string();
  std::string text = made->to_string();
  EXPECT_EQ(bad.makes.ends_with("}") ? text : text.substr(0, text.find('{')), bad.makes) << where;
}

}  // namespace tarn::testing
