// Changing what a file tells of its model changes no other byte.
#include "graph/model_info_file.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/graph_io.h"
#include "graph/gzip.h"
#include "graph/image_metadata.h"
#include "graph/model_info.h"
#include "graph/text.h"
#include "proto/graph.pb.h"

namespace tarn {
namespace {

std::string info_with(std::string author) {
  return serialize_model_info({.metadata = Metadata{.author = std::move(author)}});
}

// With a constant large enough to be aligned.
std::string model_bytes() {
  Result<Graph> graph =
      graph_from_text("x: f32[1,64] = Placeholder\nw: f32[64,512] = random(seed=3)\ny = MatMul(x, w)\n");
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return *graph_bytes(*graph, GraphFormat::kBinary);
}

Metadata told(const std::string& bytes) {
  Result<Graph> graph = parse_graph(bytes, "test");
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  return graph.ok() ? *metadata_of(*graph) : Metadata();
}

TEST(ModelInfoFile, IsWrittenAtTheEndAndTakenOutAgain) {
  const std::string bytes = model_bytes();
  Result<std::string> with = with_model_info(bytes, info_with("me"));
  ASSERT_TRUE(with.ok()) << with.status().to_string();
  EXPECT_TRUE(with->starts_with(bytes));
  EXPECT_EQ(told(*with).author, "me");
  Result<std::string> other = with_model_info(*with, info_with("somebody else"));
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(other->starts_with(bytes));
  EXPECT_EQ(told(*other).author, "somebody else");
  EXPECT_EQ(*with_model_info(*other, ""), bytes);
}

TEST(ModelInfoFile, InTheMiddleOfAFileItBecomesPaddingOfItsSize) {
  pb::GraphDef head;
  head.set_model_info(info_with("nobody is to know"));
  const std::string bytes = head.SerializeAsString() + model_bytes();
  Result<std::string> changed = with_model_info(bytes, info_with("me"));
  ASSERT_TRUE(changed.ok()) << changed.status().to_string();
  EXPECT_EQ(changed->substr(head.ByteSizeLong(), model_bytes().size()), model_bytes());
  EXPECT_EQ(changed->find("nobody"), std::string::npos);
  EXPECT_EQ(told(*changed).author, "me");
  EXPECT_EQ(with_model_info(bytes, "")->size(), bytes.size());
  EXPECT_EQ(told(*with_model_info(bytes, "")).author, "");
}

TEST(ModelInfoFile, InTarnsTextItIsALine) {
  constexpr std::string_view kText =
      "# a comment\n@versions {producer=22}\n\nx: f32[1] = Placeholder  # odd   spaces\ny = Relu(x)";
  Result<std::string> with = with_model_info(kText, info_with("me"));
  ASSERT_TRUE(with.ok()) << with.status().to_string();
  EXPECT_EQ(told(*with).author, "me");
  EXPECT_EQ(told(*with_model_info(*with, info_with("you"))).author, "you");
  EXPECT_EQ(*with_model_info(*with, ""), kText);
}

TEST(ModelInfoFile, OtherFilesAreRefused) {
  EXPECT_EQ(with_model_info("node {\n  name: \"x\"\n  op: \"NoOp\"\n}\n", info_with("me")).status().code(),
            Code::kUnimplemented);
  EXPECT_EQ(with_model_info(std::string_view("\x1f\x8b\x08\0\0\0\0\0", 8), info_with("me")).status().code(),
            Code::kUnimplemented);
  const std::string bytes = model_bytes();
  EXPECT_EQ(with_model_info(bytes.substr(0, bytes.size() - 1), info_with("me")).status().code(), Code::kDataLoss);
}

TEST(ModelInfoFile, WhateverBytesGiveAnAnswer) {
  std::mt19937 random(7);
  Result<Graph> small = graph_from_text("x: f32[1] = Placeholder\ny = Relu(x)\n");
  ASSERT_TRUE(small.ok());
  Result<std::string> made = with_model_info(*graph_bytes(*small, GraphFormat::kBinary), info_with("me"));
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  const std::string& bytes = *made;
  for (int i = 0; i < 2000; ++i) {
    std::string bad = bytes;
    for (int flips = 0; flips < 3; ++flips) bad[random() % bad.size()] = static_cast<char>(random());
    (void)with_model_info(bad, info_with("you"));
  }
}

// --- pictures' preparation ------------------------------------------------------------------------------------------

TEST(ImageMetadata, IsWhatThePreparationComputes) {
  struct Case {
    std::string_view text, json;
  };
  constexpr Case kCases[] = {
      {"DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128; Div 128",
       R"("layout": "NHWC", "color_order": "RGB", "range": [-1, 0.9921875], "mean": [128], "std": [128])"},
      {"DecodeJpeg channels=3; Cast float; ExpandDims 0; ResizeBilinear 299x299; Sub 128; Mul 0.0078125",
       R"("layout": "NHWC", "color_order": "RGB", "range": [-1, 0.9921875], "mean": [128], "std": [128])"},
      // convert_image_dtype, then x * 2 - 1 in floats.
      {"DecodeJpeg channels=3; Cast float; Mul 0.00392156886; Sub 0.5; Mul 2; ExpandDims 0",
       R"("layout": "NHWC", "color_order": "RGB", "range": [-1, 1], "mean": [127.5], "std": [127.5])"},
      {"DecodePng channels=1; Cast float; RealDiv 255",
       R"("layout": "HWC", "color_order": "gray", "range": [0, 1], "mean": [0], "std": [255])"},
      {"DecodeImage channels=3 float; ExpandDims 0",
       R"("layout": "NHWC", "color_order": "RGB", "range": [0, 1], "mean": [0], "std": [255])"},
      {"DecodeJpeg channels=3; Cast float; Sub [123.68, 116.78, 103.94]",
       R"("layout": "HWC", "color_order": "RGB", "range": [-123.68, 151.06], "mean": [123.68, 116.78, 103.94], "std": [1])"},
      {"DecodeJpeg channels=3; AddV2 [1, 2, 3]; Div [2, 4, 8]",
       R"("layout": "HWC", "color_order": "RGB", "range": [0.375, 128], "mean": [-1, -2, -3], "std": [2, 4, 8])"},
      {"DecodeJpeg; Squeeze", R"("range": [0, 255], "mean": [0], "std": [1])"}};
  for (const Case& c : kCases) {
    std::optional<Metadata::Input> input = metadata_of_preparation(c.text);
    ASSERT_TRUE(input) << c.text;
    input->name = "x";
    EXPECT_EQ(metadata_json({.inputs = {*input}}),
              str_cat("{\"inputs\": [{\"name\": \"x\", \"kind\": \"image\", ", c.json, "}]}"))
        << c.text;
  }
}

TEST(ImageMetadata, WhatIsNoMeanAndStdGivesNone) {
  for (std::string_view text : {"", "DecodeJpeg channels=3; Mul -1", "DecodeJpeg; Mul 0", "DecodeJpeg; Mul x",
                                "DecodeJpeg; Sub [1, 2, 3]; Div [1, 2]", "DecodePng uint16; Cast float",
                                "DecodeJpeg; Sqrt 1", "DecodeJpeg; Sub", "DecodeJpeg; Div 0"}) {
    EXPECT_FALSE(metadata_of_preparation(text)) << text;
  }
}

TEST(ImageMetadata, IsTakenFromPlaceholdersAndWhatWasToldStays) {
  Result<Graph> graph = graph_from_text(
      "x: f32[1,8,8,3] = Placeholder {_preprocessing=\"DecodeJpeg channels=3; Cast float; ExpandDims 0; Sub 128\"}\n"
      "z: f32[1,8,8,3] = Placeholder {_preprocessing=\"DecodeJpeg channels=3; Cast float; ExpandDims 0; Sub 128\"}\n"
      "y = Add(x, z)\n");
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  ASSERT_TRUE(store_metadata(*graph, {.inputs = {{.name = "z", .color_order = "BGR", .mean = {7}}}}).ok());
  EXPECT_EQ(take_metadata_of_preparations(*graph).size(), 2U);
  EXPECT_EQ(metadata_json(*metadata_of(*graph)),
            R"({"inputs": [{"name": "x", "kind": "image", "layout": "NHWC", "color_order": "RGB", )"
            R"("range": [-128, 127], "mean": [128], "std": [1]}, {"name": "z", "kind": "image", "layout": "NHWC", )"
            R"("color_order": "BGR", "mean": [7]}]})");
}

}  // namespace
}  // namespace tarn
