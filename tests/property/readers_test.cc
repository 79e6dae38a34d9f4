// The two readers of a GraphDef, libprotobuf's (graph/) and the engine's own (runtime/wire), on the same bytes: good
// files and damaged ones. Neither crashes, both accept or both refuse, and what both accept is the same graph with the
// same results.
//
// One exception: the engine passes over what it has no use for (the function library, debug information, full types),
// so damage in there is found by the importer alone.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>

#include "graph/algorithms.h"
#include "graph/assemble.h"
#include "graph/graph_io.h"
#include "graph/proto_io.h"
#include "graph/session.h"
#include "runtime/engine.h"
#include "runtime/wire.h"
#include "tests/support/file_ops.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

// Far above what the models have: a flipped bit in a shape asks for more than this, or for little.
constexpr int64_t kMostTensorBytes = int64_t{16} << 20;

struct Model {
  std::string name, bytes;
  const OpRegistry* ops;
  bool runs;
};

Result<Graph> read_by_importer(const std::string& bytes, const OpRegistry& ops) {
  if (bytes.empty()) return invalid_argument("empty model file");
  pb::GraphDef def;
  TARN_RETURN_IF_ERROR(parse_binary(bytes, {}, def));
  TARN_ASSIGN_OR_RETURN(Graph graph, import_graph_def(def, {.ops = &ops, .max_tensor_bytes = kMostTensorBytes}));
  // What the engine's reader does not keep.
  graph.versions = {};
  graph.library.clear();
  for (NodeId id : graph.ids()) graph.set_device(id, "");
  return graph;
}

// The wire reader's nodes, judged by what judges the importer's: so differences are the readers'.
Result<Graph> read_by_engine(const std::string& bytes, const OpRegistry& ops) {
  // An allocation of the exact size: sanitizers see a byte read too far.
  auto held = std::make_shared<std::vector<char>>(bytes.begin(), bytes.end());
  WireLimits limits;
  limits.max_tensor_bytes = kMostTensorBytes;
  TARN_ASSIGN_OR_RETURN(auto wire, WireGraph::parse({held->data(), held->size()}, held, "file", limits));
  std::vector<NodeRecord> records;
  Problems problems;
  for (int n = 0; n < wire->node_count(); ++n) {
    NodeRecord record{.name = std::string(wire->name(n)), .op = std::string(wire->op(n))};
    for (Wire input : wire->inputs(n)) {
      std::string name(wire->name(input.node));
      record.inputs.push_back(input.slot == 0 ? name : str_cat(name, ":", input.slot));
    }
    for (int control : wire->controls(n)) record.inputs.push_back(str_cat("^", wire->name(control)));
    Result<AttrMap> attrs = wire->attrs(n);
    if (!attrs.ok()) problems.add(attrs.status());
    if (attrs.ok()) record.attrs = *std::move(attrs);
    records.push_back(std::move(record));
  }
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  AssembleOptions options;
  options.ops = &ops;
  options.place = [](int node, int) { return str_cat("node ", node); };
  Graph graph = assemble_graph(std::move(records), options, problems);
  TARN_RETURN_IF_ERROR(problems.to_status(""));
  return graph;
}

// `message` without fields of these numbers; those of `nested` are cut likewise. Nothing if its fields cannot be told.
std::optional<std::string> without_fields(const std::string& message, std::initializer_list<int> dropped, int nested) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  std::string kept;
  for (int begin = 0; begin < static_cast<int>(message.size()); begin = in.CurrentPosition()) {
    uint32_t tag = in.ReadTag();
    int number = static_cast<int>(tag >> 3);
    if (tag == 0) return std::nullopt;
    if (number == nested && (tag & 7) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      uint32_t size = 0;
      std::string inner;
      if (!in.ReadVarint32(&size) || !in.ReadString(&inner, static_cast<int>(size))) return std::nullopt;
      std::optional<std::string> cut = without_fields(inner, {6, 7}, -1);  // of a NodeDef: debug information, full type
      if (!cut) return std::nullopt;
      google::protobuf::io::StringOutputStream stream(&kept);
      google::protobuf::io::CodedOutputStream out(&stream);
      out.WriteTag(tag);
      out.WriteVarint32(static_cast<uint32_t>(cut->size()));
      out.WriteString(*cut);
      continue;
    }
    if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
    if (std::find(dropped.begin(), dropped.end(), number) != dropped.end()) continue;
    kept += message.substr(static_cast<size_t>(begin), static_cast<size_t>(in.CurrentPosition() - begin));
  }
  return kept;
}

// Whether the importer takes the file once everything that the engine passes over is cut out.
bool is_damaged_only_where_the_engine_skips(const std::string& bytes, const OpRegistry& ops) {
  std::optional<std::string> rest = without_fields(bytes, {2, 5}, 1);  // of a GraphDef: library, debug information
  return rest && *rest != bytes && read_by_importer(*rest, ops).ok();
}

// Zeros and small numbers of the placeholders' shapes; nothing if one is too open or too large to be fed.
std::optional<std::vector<Session::Feed>> feeds_for(const Engine& engine) {
  std::vector<Session::Feed> feeds;
  for (const EngineTensorInfo& input : engine.inputs()) {
    Shape shape = input.shape;
    if (!shape.has_rank()) return std::nullopt;
    for (int d = 0; d < shape.rank(); ++d) {
      if (shape.dim(d) < 0) shape.set_dim(d, 2);
    }
    Result<int64_t> count = shape.element_count();
    if (!count.ok() || *count > 100'000) return std::nullopt;
    if (input.dtype == DType::kFloat) {
      feeds.emplace_back(input.name, testing::random_floats(shape, 17));
    } else {
      Result<Tensor> zeros = Tensor::zeros(input.dtype, shape);
      if (!zeros.ok()) return std::nullopt;
      feeds.emplace_back(input.name, *zeros);
    }
  }
  return feeds;
}

enum class Ran { kNot, kAlikeRefused, kSame };

// Session on the importer's graph against the engine on the bytes: same verdict, same bits.
Ran compare_runs(const Graph& graph, const std::string& bytes) {
  auto engine = Engine::load_bytes(bytes, nullptr, "file");
  if (!engine.ok()) {
    // Nothing to run, an op that only a session has, or (which a session says when it runs) a value of too many bytes.
    bool may = engine.status().message().find("no output") != std::string_view::npos ||
               engine.status().code() == Code::kUnimplemented || engine.status().code() == Code::kResourceExhausted ||
               engine.status().message().find("no node") != std::string_view::npos;
    EXPECT_TRUE(may) << "the engine refuses what the importer took: " << engine.status().to_string();
    return Ran::kNot;
  }
  auto feeds = feeds_for(**engine);
  if (!feeds) return Ran::kNot;
  std::vector<std::string> fetches;
  for (const EngineTensorInfo& output : (*engine)->outputs()) fetches.push_back(output.name);

  Session session(graph, {.threads = 1});
  auto program = session.program(*feeds, fetches, {});
  if (program.ok() && (*program)->stats.arena_bytes > size_t{64} << 20) return Ran::kNot;
  std::vector<Tensor> expected;
  Status session_status = session.Run(*feeds, fetches, &expected);
  EngineContext context(*engine);
  Status engine_status;
  for (const auto& [name, tensor] : *feeds) engine_status.update(context.set_input(name, tensor));
  if (engine_status.ok()) engine_status = context.run();
  EXPECT_EQ(session_status.ok(), engine_status.ok())
      << "session: " << session_status.to_string() << "\nengine: " << engine_status.to_string();
  if (!session_status.ok() || !engine_status.ok()) return Ran::kAlikeRefused;
  for (size_t i = 0; i < fetches.size(); ++i) {
    const TensorView& view = **context.output(static_cast<int>(i));
    EXPECT_EQ(view.dtype, expected[i].dtype()) << fetches[i];
    EXPECT_EQ(view.shape->to_string(), expected[i].shape().to_string()) << fetches[i];
    if (dtype_size(view.dtype) == 0 || view.count != expected[i].element_count()) continue;
    EXPECT_EQ(std::memcmp(view.data, expected[i].data(), expected[i].byte_size()), 0) << fetches[i];
  }
  return Ran::kSame;
}

std::vector<Model> models() {
  std::vector<Model> all;
  pb::GraphDef rich = testing::rich_graph_def();
  rich.clear_library();
  all.push_back({"every attr kind and a loop", rich.SerializeAsString(), &testing::file_ops(), false});
  all.push_back(
      {"convnet", testing::frozen_convnet_bytes({.side = 8, .filters = 2, .classes = 3}, 1), &all_ops(), true});
  all.push_back({"constants of many dtypes", testing::model_bytes(R"(
x: f32[?,3] = Placeholder
f: f32[3] = {1.5, -2, 0.25}
d: f64[2] = {1, 2}
i: i32[2] = {-1, 3}
l: i64[3] = {1, 2, 4611686018427387904}
b: bool[2] = {true, false}
u: u8[4] = {1, 2, 3, 255}
s: string[2] = {"a", "\xff\x00z"}
splat: f32[2,3] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}
y: f32[?,3] = Add(x, f)
z: f32[?,3] = Reshape(y, i)
k: f32[2] = Cast(d) {DstT=f32}
)"),
                 &all_ops(), true});
  all.push_back({"weights8", testing::model_bytes(R"(
x: f32[?,4] = Placeholder
low: f32[] = {-1}
high: f32[] = {1}
q: qu8[4,2] = {0, 50, 100, 128, 150, 200, 220, 255}
w: f32[4,2] = Dequantize(q, low, high) {mode="MIN_FIRST"}
y: f32[?,2] = MatMul(x, w)
bias: f32[2] = {0.5, -0.5}
out: f32[?,2] = BiasAdd(y, bias)
)"),
                 &all_ops(), true});
  all.push_back({"branches", testing::model_bytes(R"(
x: f32[?] = Placeholder
p: bool[] = Placeholder
way: (f32[?], f32[?]) = Switch(x, p)
neg: f32[?] = Neg(way)
rel: f32[?] = Relu(way:1)
out: (f32[?], i32[]) = Merge(neg, rel)
)"),
                 &all_ops(), true});
  return all;
}

TEST(Readers, AcceptTheSameGoodFilesAndGiveTheSameResults) {
  for (const Model& model : models()) {
    SCOPED_TRACE(model.name);
    Result<Graph> a = read_by_importer(model.bytes, *model.ops), b = read_by_engine(model.bytes, *model.ops);
    ASSERT_TRUE(a.ok()) << a.status().to_string();
    ASSERT_TRUE(b.ok()) << b.status().to_string();
    EXPECT_EQ(graph_difference(*a, *b), "");
    EXPECT_EQ(model.runs ? compare_runs(*a, model.bytes) : Ran::kSame, Ran::kSame);
  }
}

struct Tally {
  int mutants = 0, accepted = 0, ran = 0, skipped_by_engine = 0;
};

void compare(const Model& model, const std::string& bytes, Tally& tally) {
  ++tally.mutants;
  Result<Graph> a = read_by_importer(bytes, *model.ops), b = read_by_engine(bytes, *model.ops);
  if (!a.ok() && b.ok() && is_damaged_only_where_the_engine_skips(bytes, *model.ops)) {
    ++tally.skipped_by_engine;
    return;
  }
  ASSERT_EQ(a.ok(), b.ok()) << "importer: " << a.status().to_string() << "\nengine: " << b.status().to_string();
  if (!a.ok()) return;
  ++tally.accepted;
  EXPECT_EQ(graph_difference(*a, *b), "");
  if (model.runs) tally.ran += compare_runs(*a, bytes) == Ran::kSame;
}

TEST(Readers, AgreeOnDamagedFiles) {
  Tally tally;
  for (const Model& model : models()) {
    std::mt19937 random(1234);
    auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
    auto check = [&](std::string bytes, const std::string& what) {
      SCOPED_TRACE(str_cat(model.name, ": ", what));
      compare(model, bytes, tally);
      return !::testing::Test::HasFailure();
    };
    // Every bit of small files; of larger ones a share.
    size_t bits = model.bytes.size() * 8, step = std::max<size_t>(1, bits / 6000);
    for (size_t bit = below(step); bit < bits; bit += step) {
      std::string bytes = model.bytes;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      if (!check(bytes, str_cat("bit ", bit % 8, " of byte ", bit / 8, " flipped"))) return;
    }
    for (size_t size = 0; size < model.bytes.size(); size += std::max<size_t>(1, model.bytes.size() / 400)) {
      if (!check(model.bytes.substr(0, size), str_cat("cut to ", size, " bytes"))) return;
    }
    for (int i = 0; i < 400; ++i) {
      std::string bytes = model.bytes;
      size_t at = below(bytes.size() + 1), count = 1 + below(3);
      std::string more;
      for (size_t k = 0; k < count; ++k) more += static_cast<char>(below(4) == 0 ? 0x80 : random());
      bytes.insert(at, more);
      if (!check(bytes, str_cat(count, " bytes inserted at ", at, ", try ", i))) return;
    }
    for (int i = 0; i < 400; ++i) {  // several flips at once, and bytes left out
      std::string bytes = model.bytes;
      for (size_t k = 0, flips = 1 + below(4); k < flips; ++k) {
        size_t bit = below(bytes.size() * 8);
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      }
      if (i % 2 == 1) bytes.erase(below(bytes.size()), 1 + below(4));
      if (!check(bytes, str_cat("flips and erasures, try ", i))) return;
    }
  }
  RecordProperty("mutants", tally.mutants);
  std::printf(
      "%d damaged files: %d accepted by both, %d of them run alike, %d with damage that the engine passes over\n",
      tally.mutants, tally.accepted, tally.ran, tally.skipped_by_engine);
  // Damage that shows nowhere (a weight, a name) and damage that is found are both well represented.
  EXPECT_GT(tally.accepted, tally.mutants / 20);
  EXPECT_LT(tally.accepted, tally.mutants * 9 / 10);
  EXPECT_GT(tally.ran, 100);
  EXPECT_LT(tally.skipped_by_engine, tally.mutants / 50);
}

TEST(Readers, AgreeOnNoise) {
  Model noise{"noise", "", &all_ops(), false};
  std::mt19937 random(99);
  Tally tally;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0 && bytes.size() > 2) {  // a node of noise
      bytes[0] = 0x0a;
      bytes[1] = static_cast<char>(bytes.size() - 2);
    }
    SCOPED_TRACE(i);
    compare(noise, bytes, tally);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Readers, TheEnginePassesOverTheFunctionLibrary) {
  pb::GraphDef def = testing::graph_def(testing::placeholder("x") + testing::relu("y", "x"));
  std::string bytes =
      def.SerializeAsString() + std::string("\x12\x02\x0a\x7f", 4);  // a function longer than its library
  Result<Graph> a = read_by_importer(bytes, testing::file_ops()), b = read_by_engine(bytes, testing::file_ops());
  EXPECT_FALSE(a.ok());
  EXPECT_TRUE(is_damaged_only_where_the_engine_skips(bytes, testing::file_ops())) << a.status().to_string();
  EXPECT_TRUE(b.ok()) << b.status().to_string();
}

}  // namespace
}  // namespace tarn
