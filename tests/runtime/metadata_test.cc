// runtime/metadata.h: what a file tells of its model, and that whatever bytes lie there give an answer.
#include "runtime/metadata.h"

#include <gtest/gtest.h>

#include <limits>

#include "graph/graph_io.h"
#include "graph/model_info.h"
#include "graph/text.h"
#include "proto/model_info.pb.h"

namespace tarn {
namespace {

Metadata cats_and_dogs() {
  Metadata metadata{.name = "pets", .description = "two\nlines", .author = "A. \"Z\" Ünal", .version = "1.2"};
  metadata.inputs.push_back({.name = "tower/x",
                             .kind = "image",
                             .layout = "NHWC",
                             .color_order = "BGR",
                             .range = {-1, 1},
                             .mean = {123.675, 116.28, 103.53},
                             .std = {58.5}});
  metadata.inputs.push_back({.name = "wav", .kind = "audio", .sample_rate = 16000});
  metadata.outputs.push_back({.name = "y", .kind = "probabilities", .labels = {"cat", "", "dog, wet"}});
  return metadata;
}

std::string bytes_of(const Metadata& metadata) {
  return serialize_model_info({.metadata = metadata});
}

TEST(Metadata, IsTextByKey) {
  struct Case {
    std::string_view key, text;
  };
  constexpr Case kCases[] = {{"name", "pets"},
                             {"author", "A. \"Z\" Ünal"},
                             {"inputs", "tower/x\nwav"},
                             {"outputs", "y"},
                             {"labels", "cat\n\ndog, wet"},
                             {"outputs/y/labels", "cat\n\ndog, wet"},
                             {"outputs/y:0/labels", "cat\n\ndog, wet"},
                             {"mean", "123.675,116.28,103.53"},
                             {"inputs/tower/x/mean", "123.675,116.28,103.53"},
                             {"inputs/tower/x/std", "58.5"},
                             {"inputs/tower/x/range", "-1,1"},
                             {"inputs/wav/kind", "audio"},
                             {"sample_rate", "16000"},
                             {"inputs/wav/sample_rate", "16000"}};
  const std::string bytes = bytes_of(cats_and_dogs());
  for (const Case& c : kCases) {
    Result<std::string> text = metadata_text(bytes, c.key);
    ASSERT_TRUE(text.ok()) << c.key << ": " << text.status().to_string();
    EXPECT_EQ(*text, c.text) << c.key;
  }
}

TEST(Metadata, WhatIsNotThereIsSaid) {
  const std::string bytes = bytes_of(cats_and_dogs());
  EXPECT_EQ(metadata_text(bytes, "license").status().message(),
            "the model does not tell its 'license'; it tells name, description, author, version, inputs, "
            "inputs/tower/x/kind, inputs/tower/x/layout, inputs/tower/x/color_order, inputs/tower/x/range, "
            "inputs/tower/x/mean, inputs/tower/x/std, inputs/wav/kind, inputs/wav/sample_rate, outputs, "
            "outputs/y/kind, outputs/y/labels");
  EXPECT_EQ(metadata_text("", "labels").status().message(), "the model does not tell its 'labels'; it tells nothing");
  for (std::string_view key : {"", "autor", "kind", "inputs/", "inputs/x", "inputs//mean", "inputs/tower/x/labels",
                               "outputs/y/mean", "inputs/x/name", "/", "inputs/wav/mean"}) {
    EXPECT_EQ(metadata_text(bytes, key).status().code(), Code::kNotFound) << key;
  }
  EXPECT_EQ(metadata_text("\x0a", "name").status().code(), Code::kDataLoss);
}

TEST(Metadata, IsJsonAsAWhole) {
  EXPECT_EQ(*metadata_text(bytes_of(cats_and_dogs()), "json"),
            R"({"name": "pets", "description": "two\nlines", "author": "A. \"Z\" Ünal", "version": "1.2", )"
            R"("inputs": [{"name": "tower/x", "kind": "image", "layout": "NHWC", "color_order": "BGR", )"
            R"("range": [-1, 1], "mean": [123.675, 116.28, 103.53], "std": [58.5]}, )"
            R"({"name": "wav", "kind": "audio", "sample_rate": 16000}], )"
            R"("outputs": [{"name": "y", "kind": "probabilities", "labels": ["cat", "", "dog, wet"]}]})");
  EXPECT_EQ(*metadata_text("", "json"), "{}");
  EXPECT_EQ(metadata_json({.name = "\\\t\x1f/\x7f"}), "{\"name\": \"\\\\\\u0009\\u001f/\x7f\"}");
}

// The list of fields is the message's: one that is in only one of them would be lost on the way.
TEST(Metadata, HasTheFieldsOfTheMessage) {
  auto expect_same = [](std::vector<MetadataField> fields, const google::protobuf::Descriptor& message, int records) {
    ASSERT_EQ(static_cast<int>(fields.size()) + records, message.field_count());
    for (const MetadataField& field : fields) {
      const google::protobuf::FieldDescriptor* same = message.FindFieldByNumber(static_cast<int>(field.number));
      ASSERT_NE(same, nullptr) << field.name;
      EXPECT_EQ(same->name(), field.name);
    }
  };
  Metadata metadata;
  Metadata::Input input;
  Metadata::Output output;
  expect_same(metadata_fields(metadata), *pb::Metadata::descriptor(), 2);
  expect_same(metadata_fields(input), *pb::Metadata::Input::descriptor(), 0);
  expect_same(metadata_fields(output), *pb::Metadata::Output::descriptor(), 0);
}

TEST(Metadata, IsReadAsProtobufWritesIt) {
  pb::ModelInfo message;
  ASSERT_TRUE(message.ParseFromString(bytes_of(cats_and_dogs())));
  EXPECT_EQ(message.metadata().input(0).mean(2), 103.53);
  EXPECT_EQ(message.metadata().output(0).labels(2), "dog, wet");
  // Numbers one by one, as older writers have them, mean the same.
  std::string unpacked = "\x12\x0e\x32\x0c\x0a\x01x\x31";
  unpacked.append(6, '\0').append("\xf0\x3f").resize(16);
  unpacked[1] = 14;
  Result<std::string> mean = metadata_text(unpacked, "mean");
  ASSERT_TRUE(mean.ok()) << mean.status().to_string();
  EXPECT_EQ(*mean, "1");
}

TEST(Metadata, DamageIsAnErrorNotACrash) {
  const std::string good = bytes_of(cats_and_dogs());
  for (size_t length = 1; length < good.size(); ++length) {
    EXPECT_FALSE(parse_model_info(good.substr(0, length)).ok()) << length;
  }
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      Result<ModelInfo> info = parse_model_info(bad);  // whatever it says: judged or refused
      bool is_judged = !info.ok() || !info->metadata || check_metadata(*info->metadata).ok();
      EXPECT_TRUE(is_judged) << at;
    }
  }
}

TEST(Metadata, WhatWouldTripAnAppIsRefused) {
  struct Case {
    Metadata metadata;
    std::string_view message;
  };
  const Case kCases[] = {
      {{.name = "a\xff"}, "name: 'a\\xff' is no UTF-8 (byte 1)"},
      {{.author = std::string("a\0b", 3)}, "author: 'a\\x00b' has a NUL"},
      {{.inputs = {{.name = "x", .std = {1, 0}}}}, "input 'x': std is 0; expected more than 0"},
      {{.inputs = {{.name = "x", .mean = {1, 2}, .std = {1, 2, 3}}}}, "input 'x': mean has 2 numbers and std has 3"},
      {{.inputs = {{.name = "x", .range = {1, 1}}}},
       "input 'x': range is 1, 1; expected the lowest and the highest value"},
      {{.inputs = {{.name = "x", .mean = {std::numeric_limits<double>::infinity()}}}},
       "input 'x': mean is inf; expected a finite number"},
      {{.inputs = {{.kind = "image"}}}, "input: one has no name"},
      {{.outputs = {{.name = "y"}, {.name = "x"}, {.name = "y"}}}, "output: 'y' is there twice"},
      {{.outputs = {{.name = "y", .labels = {"a", "b\nc"}}}}, "output 'y': labels: 'b\\x0ac' has a line break"}};
  for (const Case& c : kCases) {
    Status status = check_metadata(c.metadata);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.message;
    EXPECT_EQ(status.message(), c.message);
  }
}

// --- of a graph -----------------------------------------------------------------------------------------------------

Graph parsed(std::string_view text) {
  Result<Graph> graph = graph_from_text(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *std::move(graph) : Graph();
}

TEST(MetadataOfAGraph, IsSetUnsetAndMerged) {
  Metadata metadata;
  ASSERT_TRUE(set_metadata(metadata, "author", "me").ok());
  ASSERT_TRUE(set_metadata(metadata, "inputs/x/mean", "1, 2.5,3").ok());
  ASSERT_TRUE(set_metadata(metadata, "inputs/x/sample_rate", "8000").ok());
  ASSERT_TRUE(set_metadata(metadata, "outputs/y/labels", "a\r\n\nb\n").ok());
  EXPECT_EQ(metadata_json(metadata),
            R"({"author": "me", "inputs": [{"name": "x", "mean": [1, 2.5, 3], "sample_rate": 8000}], )"
            R"("outputs": [{"name": "y", "labels": ["a", "", "b"]}]})");

  for (auto [key, value] : std::vector<std::pair<std::string_view, std::string_view>>{{"inputs/x/mean", "1,x"},
                                                                                      {"inputs/x/mean", ""},
                                                                                      {"inputs/x/sample_rate", "-1"},
                                                                                      {"inputs/x/color_order", "rgb"},
                                                                                      {"inputs/x/layout", "n h"},
                                                                                      {"mean", "1"},
                                                                                      {"autor", "me"}}) {
    std::string before = metadata_json(metadata);
    EXPECT_FALSE(set_metadata(metadata, key, value).ok()) << key;
    EXPECT_EQ(metadata_json(metadata), before);
  }

  merge_metadata(metadata, {.license = "MIT", .inputs = {{.name = "x", .mean = {7}}, {.name = "z", .kind = "image"}}});
  EXPECT_EQ(*metadata_text(metadata, "inputs/x/mean"), "7");
  EXPECT_EQ(*metadata_text(metadata, "inputs/x/sample_rate"), "8000");
  EXPECT_EQ(*metadata_text(metadata, "author"), "me");
  EXPECT_EQ(*metadata_text(metadata, "license"), "MIT");

  EXPECT_TRUE(unset_metadata(metadata, "author").ok());
  EXPECT_EQ(unset_metadata(metadata, "author").code(), Code::kNotFound);
  EXPECT_TRUE(unset_metadata(metadata, "labels").ok());
  EXPECT_TRUE(unset_metadata(metadata, "inputs/x").ok());
  EXPECT_TRUE(unset_metadata(metadata, "license").ok());
  EXPECT_EQ(metadata_json(metadata), R"({"inputs": [{"name": "z", "kind": "image"}]})");
}

TEST(MetadataOfAGraph, StaysBesideTheSelfTestAndGoesThroughFiles) {
  Graph graph = parsed("x: f32[1] = Placeholder\ny = Relu(x)\n");
  graph.model_info =
      serialize_model_info({.self_test = SelfTest{.inputs = {{"x", DType::kFloat, Shape{1}, 1}}, .outputs = {}}});
  ASSERT_TRUE(store_metadata(graph, {.author = "me", .outputs = {{.name = "y", .labels = {"a"}}}}).ok());
  EXPECT_TRUE(parse_model_info(graph.model_info)->self_test);
  drop_self_test(graph);
  EXPECT_FALSE(parse_model_info(graph.model_info)->self_test);

  Result<Graph> again = graph_from_text(graph_to_text(graph));
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(metadata_json(*metadata_of(*again)), R"({"author": "me", "outputs": [{"name": "y", "labels": ["a"]}]})");
  EXPECT_FALSE(store_metadata(graph, {.author = "\xff"}).ok());
  ASSERT_TRUE(store_metadata(graph, {}).ok());
  EXPECT_EQ(graph.model_info, "");
}

TEST(MetadataOfAGraph, OfWhatIsNotThereAnyMoreIsDropped) {
  Graph graph = parsed("x: f32[1] = Placeholder\ny = Relu(x)\n");
  Metadata metadata{.name = "m", .inputs = {{.name = "x", .kind = "image"}, {.name = "old", .kind = "image"}}};
  metadata.outputs = {{.name = "y:0", .labels = {"a"}}, {.name = "y:1", .labels = {"b"}}};
  ASSERT_TRUE(store_metadata(graph, metadata).ok());
  EXPECT_EQ(drop_metadata_of_missing(graph), (std::vector<std::string>{"old", "y:1"}));
  EXPECT_EQ(drop_metadata_of_missing(graph), std::vector<std::string>());
  EXPECT_EQ(
      metadata_json(*metadata_of(graph)),
      R"({"name": "m", "inputs": [{"name": "x", "kind": "image"}], "outputs": [{"name": "y:0", "labels": ["a"]}]})");
}

}  // namespace
}  // namespace tarn
