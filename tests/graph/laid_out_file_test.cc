// Constants laid out for kernels, stored behind a graph: found where they are right, made anew where they are not.
#include "graph/laid_out_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "core/machine.h"
#include "graph/aligned_graph.h"
#include "graph/graph_io.h"
#include "graph/model_info_file.h"
#include "graph/ops.h"
#include "runtime/engine.h"
#include "runtime/wire.h"
#include "runtime/wire_laid_out.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

using testing::random_floats;

// x f32[?,12,12,32] -> 1x7 (by a transform), Relu -> 1x1 stride 2 (directly) -> MatMul -> BatchMatMul -> y
Scope small_net() {
  Scope root = Scope::NewRootScope();
  auto x = ops::Placeholder(root.WithOpName("x"), DT_FLOAT, ops::Placeholder::Shape({-1, 12, 12, 32}));
  auto convolve = [&](const char* name, const Output& input, const Shape& shape, int64_t stride) {
    std::vector<int64_t> strides = {1, stride, stride, 1};
    Output filter =
        AddConst(root.WithOpName(str_cat(name, "_w")), random_floats(shape, static_cast<uint32_t>(shape.dim(1))));
    return AddNode(root.WithOpName(name), "Conv2D", {input, filter}, {{"strides", strides}, {"padding", "SAME"}})
        .output(0);
  };
  Output h = ops::Relu(root, convolve("transformed", x, {1, 7, 32, 64}, 1));
  h = convolve("direct", h, {1, 1, 64, 20}, 2);
  h = ops::Reshape(root, h, ops::Const(root, {-1, 720}));
  h = ops::MatMul(root.WithOpName("product"), h, AddConst(root.WithOpName("product_w"), random_floats({720, 24}, 4)));
  h = ops::Reshape(root, h, ops::Const(root, {-1, 2, 3, 4}));
  ops::BatchMatMulV2(root.WithOpName("y"), h, AddConst(root.WithOpName("y_w"), random_floats({2, 4, 5}, 5)));
  EXPECT_TRUE(root.ok()) << root.status().to_string();
  return root;
}

std::string path_of(const std::string& name) {
  return ::testing::TempDir() + "laid_out_" + name + ".pb";
}

// The graph's file with what `isas` lay out.
std::string packed_file(const Graph& graph, std::vector<std::string> isas, const LaidOutFile** made = nullptr) {
  static LaidOutFile kept;
  const std::string path = path_of("packed");
  Result<AtomicFile> file = write_graph_aside(graph, path, GraphFormat::kBinary);
  EXPECT_TRUE(file.ok()) << file.status().to_string();
  Result<LaidOutFile> laid_out = LaidOutFile::make(graph, {.isas = std::move(isas)});
  EXPECT_TRUE(laid_out.ok()) << laid_out.status().to_string();
  EXPECT_TRUE(laid_out->append_to(*file).ok());
  EXPECT_TRUE(file->commit().ok());
  kept = *std::move(laid_out);
  if (made != nullptr) *made = &kept;
  return *read_file(path);
}

// What an engine found ready and what it made.
class Watch : public LaidOutConstants {
 public:
  explicit Watch(LaidOutConstants* file) : file_(file) {}
  const void* find(const LaidOutKey& key, std::string_view constant) const override {
    const void* ready = file_ == nullptr ? nullptr : file_->find(key, constant);
    if (ready != nullptr) found.insert(std::string(key.node));
    return ready;
  }
  void made(const LaidOutKey& key, std::string_view, const void*) override { missing.insert(std::string(key.node)); }

  mutable std::set<std::string> found;
  std::set<std::string> missing;

 private:
  LaidOutConstants* file_;
};

struct Ran {
  std::set<std::string> found, missing;
  std::vector<float> y;
};

Ran run(const std::string& bytes, int64_t batch = 1) {
  Ran ran;
  // As a mapped file lies.
  std::shared_ptr<Buffer> held = *Buffer::allocate(DType::kUInt8, static_cast<int64_t>(bytes.size()));
  std::memcpy(held->data(), bytes.data(), bytes.size());
  auto graph = WireGraph::parse({static_cast<const char*>(held->data()), bytes.size()}, held, "model.pb");
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return ran;
  std::shared_ptr<WireGraph> source = *std::move(graph);
  Watch watch(source->laid_out());
  auto engine = Engine::load_source(source, "model.pb", {.laid_out = &watch});
  EXPECT_TRUE(engine.ok()) << engine.status().to_string();
  if (!engine.ok()) return ran;
  EngineContext context(*engine);
  EXPECT_TRUE(context.set_input(0, random_floats(Shape{batch, 12, 12, 32}, 7)).ok());
  const Status status = context.run();
  EXPECT_TRUE(status.ok()) << status.to_string();
  const std::span<const float> y = (*context.output(0))->flat<float>();
  ran.y.assign(y.begin(), y.end());
  ran.found = watch.found;
  ran.missing = watch.missing;
  return ran;
}

std::string plain_file(const Graph& graph) {
  return *graph_bytes(graph, GraphFormat::kBinary);
}

const std::set<std::string> kAll = {"direct", "product", "transformed", "y"};

TEST(LaidOutFile, AnEngineMakesNothingAndGivesTheSameBits) {
  const Scope net = small_net();
  const Ran plain = run(plain_file(net.graph()));
  EXPECT_EQ(plain.missing, kAll);
  const LaidOutFile* made = nullptr;
  const Ran packed = run(packed_file(net.graph(), {widest_isa()}, &made));
  EXPECT_EQ(packed.found, kAll);
  EXPECT_EQ(packed.missing, std::set<std::string>());
  EXPECT_EQ(packed.y, plain.y);
  ASSERT_EQ(made->pieces().size(), kAll.size());
  bool has_transform = false;
  for (const LaidOutFile::Piece& piece : made->pieces()) {
    if (piece.node == "transformed") has_transform = piece.layout.starts_with("F(");
  }
  EXPECT_TRUE(has_transform);
}

TEST(LaidOutFile, EveryInstructionSetFindsItsOwn) {
  const Scope net = small_net();
  std::vector<std::string> isas = {"neon"};
  for (const std::string& isa : known_isas()) {
    if (LaidOutFile::check_isas({isa}).ok()) isas.push_back(isa);
  }
  const std::string before = widest_isa();
  const std::string bytes = packed_file(net.graph(), isas);
  EXPECT_EQ(widest_isa(), before);
  for (const std::string& isa : isas) {
    if (isa == "neon") continue;
    ASSERT_TRUE(limit_isa(isa).ok());
    const Ran packed = run(bytes);
    EXPECT_EQ(packed.found, kAll) << isa;
    EXPECT_EQ(packed.missing, std::set<std::string>()) << isa;
    EXPECT_EQ(packed.y, run(plain_file(net.graph())).y) << isa;
  }
  ASSERT_TRUE(limit_isa(before).ok());
  // Portable's and NEON's are the same bytes, once.
  const LaidOutFile both = *LaidOutFile::make(net.graph(), {.isas = {"neon", "portable"}});
  EXPECT_EQ(both.pieces().size(), kAll.size());
}

TEST(LaidOutFile, OtherSizesFindWhatDoesNotDependOnThem) {
  const Scope net = small_net();
  const Ran packed = run(packed_file(net.graph(), {widest_isa()}), 3);
  EXPECT_EQ(packed.y, run(plain_file(net.graph()), 3).y);
  EXPECT_TRUE(packed.found.contains("product"));
}

TEST(LaidOutFile, AChangedWeightIsSeenAndTheResultIsTheNewWeights) {
  const Scope net = small_net();
  const std::string bytes = packed_file(net.graph(), {widest_isa()});
  // Somebody else's tool changes the first weight of a constant and keeps the fields that it does not know.
  const Tensor weights = random_floats({1, 1, 64, 20}, 1);  // direct_w
  std::string edited = bytes;
  const size_t at = edited.find({static_cast<const char*>(weights.data()), 64});
  ASSERT_NE(at, std::string::npos);
  const float other = weights.flat<float>()[0] + 1;
  std::memcpy(edited.data() + at, &other, sizeof other);
  ASSERT_TRUE(write_file_atomically(path_of("edited"), edited).ok());
  Result<Graph> changed = read_graph(path_of("edited"));
  ASSERT_TRUE(changed.ok()) << changed.status().to_string();

  const Ran ran = run(edited);
  EXPECT_EQ(ran.missing, std::set<std::string>({"direct"}));
  EXPECT_EQ(ran.y, run(plain_file(*changed)).y);
  EXPECT_NE(ran.y, run(bytes).y);
}

TEST(LaidOutFile, PlacesThatAreNotAlignedAreLeftAlone) {
  const Scope net = small_net();
  std::string bytes = packed_file(net.graph(), {widest_isa()});
  bytes.insert(0, std::string("\xc2\x3e\x01\x00", 4));  // field 1000: one byte
  const Ran ran = run(bytes);
  EXPECT_EQ(ran.missing, kAll);
  EXPECT_EQ(ran.y, run(plain_file(net.graph())).y);
}

TEST(LaidOutFile, MetadataThatIsSetLaterMovesNothing) {
  const Scope net = small_net();
  const std::string bytes = packed_file(net.graph(), {widest_isa()});
  const std::string told = *with_model_info(bytes, "\x12\x07\x0a\x05hello");
  EXPECT_EQ(run(told).found, kAll);
}

TEST(LaidOutFile, OtherReadersSkipThem) {
  const Scope net = small_net();
  packed_file(net.graph(), {widest_isa()});
  Result<Graph> read = read_graph(path_of("packed"));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(plain_file(*read), plain_file(net.graph()));
}

TEST(LaidOutFile, DamageIsTold) {
  const Scope net = small_net();
  std::string bytes = plain_file(net.graph());
  put_bytes_key(bytes, kLaidOutFieldOfGraph, 3);
  bytes += "\x0a\x09x";  // a name of nine bytes, of which one is there
  auto graph = WireGraph::parse(bytes, nullptr, "model.pb");
  ASSERT_FALSE(graph.ok());
  EXPECT_NE(graph.status().message().find("what is laid out of constants is damaged"), std::string::npos)
      << graph.status().to_string();
}

TEST(LaidOutFile, InstructionSetsAreCheckedAllAtOnce) {
  const Status status = LaidOutFile::check_isas({"avx1024", widest_isa(), "sse"});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("'avx1024'"), std::string::npos) << status.to_string();
  EXPECT_NE(status.message().find("'sse'"), std::string::npos) << status.to_string();
}

// The transform moves bits; without it there are the direct path's, within the stated error.
TEST(MaxLayerError, ZeroUsesNoTransform) {
  const Scope net = small_net();
  auto held = std::make_shared<std::string>(plain_file(net.graph()));
  std::vector<std::vector<float>> outputs;
  for (double most : {kMaxLayerError, 0.0}) {
    auto engine = Engine::load_bytes(*held, held, "model.pb", {.outputs = {"transformed"}, .max_layer_error = most});
    ASSERT_TRUE(engine.ok()) << engine.status().to_string();
    EngineContext context(*engine);
    ASSERT_TRUE(context.set_input(0, random_floats(Shape{1, 12, 12, 32}, 7)).ok());
    ASSERT_TRUE(context.run().ok());
    const std::span<const float> y = (*context.output(0))->flat<float>();
    outputs.emplace_back(y.begin(), y.end());
  }
  double range = 0, difference = 0;
  for (size_t i = 0; i < outputs[0].size(); ++i) {
    range = std::max(range, std::abs(double{outputs[1][i]}));
    difference = std::max(difference, std::abs(double{outputs[0][i]} - double{outputs[1][i]}));
  }
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 2 * kMaxLayerError * range);  // of both paths' roundings
}

}  // namespace
}  // namespace tarn
