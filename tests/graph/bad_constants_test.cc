// Constants that no tool should have written, in files, read for a session and by the engine: both name the file and
// the node, and the next good file reads as before. Rows C42 to C54 of docs/bad_inputs.md.
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/file.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "proto/graph.pb.h"
#include "runtime/engine.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// Const 'c' of attr dtype `dtype`, then 'y' that passes it on.
std::string graph_bytes_of(const std::string& dtype, const std::string& tensor) {
  pb::GraphDef def;
  std::string node =
      str_cat("node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: ", dtype,
              " } } attr { key: 'value' value { tensor { ", tensor, " } } } } ",
              "node { name: 'y' op: 'Identity' input: 'c' attr { key: 'T' value { type: ", dtype, " } } }");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(node, &def)) << node;
  return def.SerializeAsString();
}

struct Outcome {
  Status session, engine;
  Tensor value;  // of 'y' in the session
};

class BadConstants : public ::testing::Test {
 protected:
  Outcome outcome(const std::string& bytes) {
    std::string path = dir_.file("bad.pb");
    EXPECT_TRUE(write_file_atomically(path, bytes).ok());
    Outcome result;
    Result<Graph> graph = read_graph(path);
    result.session = graph.status();
    if (graph.ok()) {
      Session session(*graph);
      std::vector<Tensor> out;
      result.session = session.Run({}, {"y"}, &out);
      if (result.session.ok()) result.value = out[0];
    }
    Result<std::shared_ptr<const Engine>> engine = Engine::load_file(path, {.outputs = {"y"}});
    result.engine = engine.status();
    if (engine.ok() && result.session.ok()) {
      EngineContext context(*engine);
      EXPECT_TRUE(context.run().ok());
      const TensorView& view = **context.output(0);
      EXPECT_EQ(view.count, result.value.element_count());
      EXPECT_EQ(std::memcmp(view.data, result.value.data(), result.value.byte_size()), 0);
    }
    return result;
  }

  TempDir dir_;
};

constexpr std::string_view kFour = "tensor_content: '1234'";

TEST_F(BadConstants, AreRefusedByFileAndNode) {
  struct Case {
    std::string row, dtype, tensor, says;
  };
  auto dims = [](std::initializer_list<std::string_view> sizes) {
    std::string text = "tensor_shape {";
    for (std::string_view size : sizes) str_append(text, " dim { size: ", size, " }");
    return text + " } ";
  };
  auto f32 = [&](std::initializer_list<std::string_view> sizes, std::string_view rest) {
    return str_cat("dtype: DT_FLOAT ", dims(sizes), rest);
  };
  std::string rank300 = "dtype: DT_FLOAT tensor_shape {";
  for (int i = 0; i < 300; ++i) rank300 += " dim { size: 1 }";
  const Case cases[] = {
      {"42", "DT_FLOAT", f32({"10"}, kFour), "4 bytes"},
      {"42", "DT_FLOAT", f32({"2"}, "tensor_content: '1234567'"), "7 bytes"},
      {"42", "DT_FLOAT", f32({"2"}, str_cat("tensor_content: '", std::string(64, 'x'), "'")), "64 bytes"},
      {"44", "DT_FLOAT", f32({"-1"}, ""), "-1"},
      {"44", "DT_FLOAT", f32({"-9223372036854775808"}, ""), "-9223372036854775808"},
      {"44", "DT_FLOAT", "dtype: DT_FLOAT tensor_shape { unknown_rank: true }", "rank is unknown"},
      {"45", "DT_FLOAT", f32({"4294967296", "4294967296", "4294967296"}, ""), "more than 2^63"},
      {"45", "DT_FLOAT", f32({"0", "4611686018427387904", "4611686018427387904"}, ""), "more than 2^63"},
      {"46", "DT_FLOAT", f32({"1099511627776"}, "float_val: 1"), "above the limit"},
      {"46", "DT_FLOAT", f32({"1073741824"}, "float_val: 1"), "above the limit"},
      {"47", "DT_FLOAT", f32({"2"}, "float_val: [1, 2, 3, 4, 5]"), "5 values"},
      {"48", "DT_FLOAT", str_cat("dtype: DT_INT32 ", dims({"1"}), "int_val: 1"), "int32"},
      {"49", "DT_STRING", str_cat("dtype: DT_STRING ", dims({"1"}), kFour), "tensor_content"},
      {"50", "DT_FLOAT", rank300 + "} float_val: 1", "254"},
      {"51", "DT_HALF", str_cat("dtype: DT_HALF ", dims({"1"}), "half_val: 100000"), "100000"},
      {"51", "DT_UINT8", str_cat("dtype: DT_UINT8 ", dims({"1"}), "int_val: 300"), "300"},
      {"51", "DT_INT8", str_cat("dtype: DT_INT8 ", dims({"1"}), "int_val: -129"), "-129"},
      {"51", "DT_INT16", str_cat("dtype: DT_INT16 ", dims({"1"}), "int_val: 32768"), "32768"},
      {"51", "DT_BOOL", str_cat("dtype: DT_BOOL ", dims({"1"}), "tensor_content: '\\002'"), "2"},
      {"53", "DT_FLOAT", f32({"1"}, str_cat(kFour, " float_val: 1")), "both tensor_content"},
  };
  const std::string good = graph_bytes_of("DT_FLOAT", f32({"2"}, "float_val: [1, 2]"));
  Tensor before = outcome(good).value;
  for (const Case& c : cases) {
    Outcome got = outcome(graph_bytes_of(c.dtype, c.tensor));
    EXPECT_SAYS(got.session, {"bad.pb", "'c'", c.says}) << "row " << c.row << ": " << c.tensor;
    EXPECT_SAYS(got.engine, {"bad.pb", "'c'", c.says}) << "row " << c.row << ": " << c.tensor;
  }
  EXPECT_EQ(*list_dir(dir_.path()), std::vector<std::string>{"bad.pb"});
  EXPECT_TRUE(outcome(good).value.identical_to(before));
}

// bool_val 2, which protobuf's parser would make a 1: alone, and packed.
TEST_F(BadConstants, BoolsAreZeroOrOne) {  // C51
  std::string good =
      graph_bytes_of("DT_BOOL", "dtype: DT_BOOL tensor_shape { dim { size: 2 } } bool_val: [true, true]");
  size_t packed = good.find(std::string("\x5a\x02\x01\x01", 4));  // field 11: two bytes
  ASSERT_NE(packed, std::string::npos);
  EXPECT_TRUE(outcome(good).session.ok());
  std::string bad = good, single = good;
  bad[packed + 3] = 2;
  single.replace(packed, 4, std::string("\x58\x01\x58\x02", 4));

  for (const std::string& bytes : {bad, single}) {
    Outcome got = outcome(bytes);
    EXPECT_SAYS(got.session, {"bad.pb", "'c'", "bool_val 2"});
    EXPECT_SAYS(got.engine, {"bad.pb", "'c'", "bool_val 2"});
  }
}

TEST_F(BadConstants, OddOnesThatAreFineKeepTheirBits) {
  // C43: 82 constants of real models have a shape and no value: zeros.
  Outcome empty = outcome(graph_bytes_of("DT_FLOAT", "dtype: DT_FLOAT tensor_shape { dim { size: 10 } }"));
  ASSERT_TRUE(empty.session.ok() && empty.engine.ok()) << empty.session.to_string() << empty.engine.to_string();
  EXPECT_TRUE(empty.value.identical_to(*Tensor::zeros(DType::kFloat, Shape{10})));

  // C52: not a number with a payload, infinity, the smallest denormal.
  Outcome odd = outcome(graph_bytes_of("DT_FLOAT",
                                       "dtype: DT_FLOAT tensor_shape { dim { size: 3 } } tensor_content: "
                                       "'\\001\\002\\300\\177\\000\\000\\200\\377\\001\\000\\000\\000'"));
  ASSERT_TRUE(odd.session.ok() && odd.engine.ok()) << odd.session.to_string() << odd.engine.to_string();
  const uint32_t bits[] = {0x7fc00201, 0xff800000, 1};
  EXPECT_EQ(std::memcmp(odd.value.data(), bits, sizeof(bits)), 0);
}

}  // namespace
}  // namespace tarn
