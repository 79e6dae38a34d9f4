#include "graph/model_info.h"

#include "graph/graph_def.h"
#include "proto/model_info.pb.h"

namespace tarn {
namespace {

template <class T, class Message>
void export_tensor(const T& tensor, Message& out) {
  out.set_name(tensor.name);
  out.set_dtype(static_cast<pb::DataType>(tensor.dtype));
  pb::TensorShapeProto& shape = *out.mutable_shape();  // there, if a scalar's
  for (int d = 0; d < tensor.shape.rank(); ++d) shape.add_dim()->set_size(tensor.shape.dim(d));
}

}  // namespace

std::string serialize_model_info(const ModelInfo& info) {
  pb::ModelInfo message;
  if (info.self_test) {
    pb::SelfTest& test = *message.mutable_self_test();
    for (const SelfTest::Input& input : info.self_test->inputs) {
      pb::SelfTest::Input& out = *test.add_input();
      export_tensor(input, out);
      out.set_seed(input.seed);
    }
    for (const SelfTest::Output& output : info.self_test->outputs) {
      pb::SelfTest::Output& out = *test.add_output();
      export_tensor(output, out);
      out.set_step(output.step);
      out.set_values(output.values);
      out.set_range(output.range);
    }
    test.set_tolerance(info.self_test->tolerance);
    test.set_constants_crc32c(info.self_test->constants_crc32c);
  }
  return serialize(message);
}

void drop_self_test(Graph& graph) {
  if (graph.model_info.empty()) return;
  Result<ModelInfo> info = parse_model_info(graph.model_info);
  if (info.ok()) info->self_test.reset();
  graph.model_info = info.ok() ? serialize_model_info(*info) : "";
}

}  // namespace tarn
