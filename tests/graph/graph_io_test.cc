#include "graph/graph_io.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/file.h"
#include "graph/algorithms.h"
#include "graph/graph_def.h"
#include "graph/meta_graph.h"
#include "graph/ops.h"
#include "graph/proto_io.h"
#include "graph/variables.h"
#include "proto/meta_graph.pb.h"
#include "proto/saved_model.pb.h"
#include "proto/variable.pb.h"
#include "tests/support/file_ops.h"

namespace tarn {
namespace {

using testing::file_ops;
using testing::graph_def;
using testing::placeholder;
using testing::relu;

class GraphIo : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tarn_graph_io_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::string path(const std::string& name) const { return path_join(dir_, name); }
  std::string file(const std::string& name, std::string_view bytes) {
    EXPECT_TRUE(write_file_atomically(path(name), bytes).ok());
    return path(name);
  }
  Result<Graph> read(const std::string& path) { return read_graph(path, {.ops = &file_ops()}); }
  std::string error_of(std::string_view bytes) {
    Result<Graph> graph = read(file("bad.pb", bytes));
    if (graph.ok()) return "accepted";
    std::string message(graph.status().message());
    EXPECT_TRUE(message.starts_with(path("bad.pb"))) << message;
    return message;
  }
  // The reader is as good as before.
  void expect_still_usable() {
    Result<Graph> good = read(file("good.pb", good_bytes()));
    ASSERT_TRUE(good.ok()) << good.status().to_string();
    EXPECT_EQ(good->node_count(), 2);
  }
  static std::string good_bytes() { return serialize(graph_def(placeholder("x") + relu("y", "x"))); }

  std::string dir_;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
#define EXPECT_CONTAINS(text, part) EXPECT_PRED2(contains, text, part)

TEST_F(GraphIo, EveryFormReadsBackIdentically) {
  Result<Graph> graph = import_graph_def(testing::rich_graph_def(), {.ops = &file_ops()});
  ASSERT_TRUE(graph.ok());
  for (const char* name : {"g.pb", "g.pbtxt", "g.txt", "g.graph", "g.prototxt", "no_extension"}) {
    ASSERT_TRUE(write_graph(*graph, path(name)).ok());
    Result<Graph> again = read(path(name));
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ(graph_difference(*graph, *again), "") << name;
  }
  EXPECT_CONTAINS(*read_file(path("g.pbtxt")), "node {\n  name: \"sum\"\n  op: \"Add\"");
  EXPECT_CONTAINS(*read_file(path("g.txt")), "\nsum: f32? = Add(split:1, split, ^init) on \"/device:CPU:0\"\n");
  // The form is told by the content, whatever the name says.
  ASSERT_TRUE(write_graph(*graph, path("text.pb"), GraphFormat::kText).ok());
  EXPECT_TRUE(read(path("text.pb")).ok());
  ASSERT_TRUE(write_graph(*graph, path("binary.txt"), GraphFormat::kBinary).ok());
  EXPECT_TRUE(read(path("binary.txt")).ok());
}

TEST_F(GraphIo, WriteGraphMakesTheDirectoryAndGoesByTheName) {
  Result<Graph> graph = testing::import(placeholder("x"));
  ASSERT_TRUE(graph.ok());

  Result<std::string> text = WriteGraph(*graph, path("a/b"), "graph.pbtxt");
  Result<std::string> binary = WriteGraph(*graph, path("a/b"), "graph.pb");
  Result<std::string> forced = WriteGraph(*graph, path("a/b"), "graph.pb.text", true);

  ASSERT_TRUE(text.ok() && binary.ok() && forced.ok());
  EXPECT_EQ(*text, path("a/b/graph.pbtxt"));
  EXPECT_TRUE(read_file(*text)->starts_with("node {"));
  EXPECT_TRUE(read_file(*forced)->starts_with("node {"));
  EXPECT_TRUE(read_file(*binary)->starts_with("\n"));
  EXPECT_EQ(read_file(*binary).value_or(""), *graph_bytes(*graph, GraphFormat::kBinary));
}

TEST_F(GraphIo, AFailedWriteLeavesTheOldFile) {
  Result<Graph> graph = testing::import(placeholder("x"));
  ASSERT_TRUE(graph.ok());
  ASSERT_TRUE(make_dirs(path("g.pb")).ok());

  EXPECT_FALSE(write_graph(*graph, path("g.pb")).ok());
  EXPECT_FALSE(write_graph(*graph, path("missing/g.pb")).ok());
  EXPECT_EQ(list_dir(dir_).value_or({}), std::vector<std::string>{"g.pb"});
}

TEST_F(GraphIo, GraphsOfTwoGibibytesAreRefusedBeforeAProtoIsMade) {
  Scope root = Scope::NewRootScope();
  Tensor shared = *Tensor::zeros(DType::kBool, Shape{1 << 26});
  for (int i = 0; i < 32; ++i) ops::Const(root.WithOpName(str_cat("c", i)), shared);
  ops::Const(root.WithOpName("small"), 1.0f);
  ASSERT_TRUE(root.ok()) << root.status().to_string();

  for (const char* name : {"big.pb", "big.pbtxt"}) {
    EXPECT_EQ(write_graph(root.graph(), path(name)).message(),
              path(name) +
                  ": the graph's constants have 2147483652 bytes, but a file holds at most 2147483647; the largest: "
                  "'c31' with 67108864, 'c30' with 67108864, 'c29' with 67108864");
  }
  EXPECT_EQ(list_dir(dir_).value_or({}), std::vector<std::string>());
}

TEST_F(GraphIo, OtherFilesAreRefusedByWhatTheyAre) {  // A1, A3
  using namespace std::string_literals;
  struct Row {
    std::string bytes;
    std::string_view message;
  };
  pb::MetaGraphDef meta;
  *meta.mutable_graph_def() = graph_def(placeholder("x"));
  meta.mutable_meta_info_def()->set_tensorflow_version("1.15.0");
  meta.mutable_saver_def()->set_restore_op_name("save/restore_all");
  pb::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = meta;
  std::string table(100, '\5');
  table += "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  const Row kRows[] = {
      {"", "empty model file"},
      {"\x1f\x8b\x08\x00zzzz"s, "gzip: "},
      {"\x89PNG\r\n\x1a\nzzzz"s, "a PNG picture"},
      {"\x7f"
       "ELF\2\1\1\0zzzz"s,
       "an ELF program"},
      {"PK\3\4zzzz"s, "a zip archive"},
      {"\x89HDF\r\n\x1a\nzzzz"s, "an HDF5 file"},
      {"\x1c\0\0\0TFL3zzzz"s, "a TensorFlow Lite model"},
      {"<!DOCTYPE html><html>", "a web page: the download went wrong"},
      {"\n <HTML><body>404</body>", "a web page: the download went wrong"},
      {"<?xml version='1.0'?>", "an XML file"},
      {"PK\3\4zzzzarchive/data.pkl", "a PyTorch model (.pt)"},
      {"PK\3\4zzzzmodel.weights.h5", "a Keras archive (.keras)"},
      // ir_version 7, producer_name, graph, opset_import
      {"\x08\x07\x12\x07pytorch\x3a\x02\x0a\x00\x42\x02\x10\x0d"s, "an ONNX model"},
      {"\x93NUMPY\1\0zz"s, "a NumPy array"},
      {"\x80\x04\x95zz"s, "a Python pickle"},
      {"item {\n  id: 1\n}\n", "a label map"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"},
      {"{\"a\": 1}", "JSON"},
      {table, "a checkpoint (a table of tensors)"},
      {"model_checkpoint_path: \"model.ckpt-7\"\n", "a 'checkpoint' state file"},
      {serialize(meta), "not a GraphDef but a MetaGraphDef (.meta): give it as --input_meta_graph"},
      {to_pbtxt(meta), "not a GraphDef but a MetaGraphDef in text form"},
      {serialize(saved), "not a GraphDef but a SavedModel: give its folder"},
      {to_pbtxt(saved), "not a GraphDef but a SavedModel in text form"},
      {"Dear reader, this is a letter.\n", "bad.pb: not a graph but a text file"},
      {"node {\n  name: 'x'\n  opp: 'NoOp'\n}\n", "line 3, column 6"},
      {"node {\n  name: 'x'\n", "line 3, column 1"},
  };
  for (const Row& row : kRows) EXPECT_CONTAINS(error_of(row.bytes), row.message);
  expect_still_usable();
}

TEST_F(GraphIo, RandomBytesAreRefused) {  // A3
  uint64_t state = 1;
  for (int seed = 0; seed < 200; ++seed) {
    std::string bytes(1024, '\0');
    for (char& c : bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      c = static_cast<char>(state >> 56);
    }
    Result<Graph> graph = read(file("random.pb", bytes));
    EXPECT_FALSE(graph.ok()) << "seed " << seed;
  }
  expect_still_usable();
}

TEST_F(GraphIo, EveryCutOfAFileIsAnErrorOrALegalGraph) {  // A2
  std::string bytes = serialize(testing::rich_graph_def());
  int good = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::string message;
    pb::GraphDef def;
    Status status = parse_binary(std::string_view(bytes).substr(0, length), {}, def);
    if (status.ok()) {
      ++good;  // between two top-level fields
    } else {
      EXPECT_TRUE(status.message().starts_with("byte ")) << length << ": " << status.message();
      EXPECT_EQ(status.code(), Code::kDataLoss) << length;
    }
  }
  EXPECT_EQ(good, testing::rich_graph_def().node_size() + 2);  // after nothing, every node, and the library
  EXPECT_CONTAINS(error_of(std::string_view(bytes).substr(0, 40)), "byte ");
  expect_still_usable();
}

TEST_F(GraphIo, EveryFlippedByteIsSurvived) {
  std::string bytes = serialize(testing::rich_graph_def());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      pb::GraphDef def;
      Status status = parse_binary(damaged, {}, def);
      // What the scan lets pass, libprotobuf reads.
      EXPECT_FALSE(contains(status.message(), "libprotobuf cannot read")) << at << " ^ " << flip;
      if (status.ok()) static_cast<void>(import_graph_def(def, {.ops = &file_ops()}).ok());
    }
  }
  expect_still_usable();
}

TEST_F(GraphIo, DamageIsNamedWithItsByte) {  // A4 to A8, A12
  using namespace std::string_literals;
  std::string long_number = "\x18"s + std::string(10, '\xff') + "\1";
  EXPECT_CONTAINS(error_of(long_number), "byte 1 of 12: a number is longer than 10 bytes");

  std::string good = good_bytes();
  std::string huge = good + "\x0a\xff\xff\xff\xff\x07";  // a node of 2^31 - 1 bytes
  EXPECT_CONTAINS(error_of(huge), str_cat("byte ", good.size(), " of ", huge.size(),
                                          ": field 1 of GraphDef has 2147483647 bytes, but only 0 are left"));
  std::string vast = good + "\x0a" + std::string(9, '\xff') + "\1";  // 2^64 - 1
  EXPECT_CONTAINS(error_of(vast), "has 18446744073709551615 bytes, but only 0 are left");

  EXPECT_CONTAINS(error_of(std::string(100'000, '\x0b')), "byte 0 of 100000: field 1 of GraphDef is a group start");
  EXPECT_CONTAINS(error_of(good + std::string(64, '\xee')), str_cat("byte ", good.size()));
  EXPECT_CONTAINS(error_of(good + "\x08\x01"), "field 'node' of GraphDef must be a length but is a varint");

  pb::GraphDef deep = graph_def(placeholder("x"));
  pb::AttrValue* value = &(*deep.mutable_node(0)->mutable_attr())["_f"];
  for (int i = 0; i < 20; ++i) value = &(*value->mutable_func()->mutable_attr())["f"];
  EXPECT_CONTAINS(error_of(serialize(deep)), "(node 0 'x'): function attrs are nested more than 16 deep");

  std::string latin = good;
  latin.replace(latin.find("Relu"), 4, "Rel\xfc");
  EXPECT_CONTAINS(error_of(latin), "(node 1 'y'): field 'op' is not UTF-8: 'Rel\\xfc'");
  expect_still_usable();
}

TEST_F(GraphIo, DeepFunctionAttrsEndTheScanAtOnce) {  // A8: 5000 deep, made by hand since libprotobuf would not
  std::string value = "\x18\x01";
  auto length_prefixed = [](char tag, const std::string& bytes) {
    std::string out(1, tag);
    for (size_t n = bytes.size();; n >>= 7) {
      out += static_cast<char>(n > 127 ? (n & 127) | 128 : n);
      if (n <= 127) return out + bytes;
    }
  };
  for (int i = 0; i < 5000; ++i) {  // AttrValue.func -> NameAttrList.attr -> entry.value
    value = length_prefixed('\x52', length_prefixed('\x12', length_prefixed('\x12', value)));
  }
  std::string entry = length_prefixed('\x0a', "_f") + length_prefixed('\x12', value);
  std::string node = length_prefixed('\x0a', "x") + length_prefixed('\x12', "NoOp") + length_prefixed('\x2a', entry);
  EXPECT_CONTAINS(error_of(length_prefixed('\x0a', node)), "(node 0 'x'): function attrs are nested more than 16 deep");
}

TEST_F(GraphIo, TooManyNodesAreRefusedBeforeTheyAreMade) {  // A9
  std::string bytes;
  for (int i = 0; i < 1'000'001; ++i) bytes += std::string_view("\x0a\0", 2);
  EXPECT_CONTAINS(error_of(bytes), "byte 2000002 of 2000002: more than 1000000 nodes");
  Result<Graph> limited =
      read_graph(file("three.pb", good_bytes() + good_bytes()), {.ops = &file_ops(), .max_nodes = 3});
  EXPECT_CONTAINS(limited.status().message(), "more than 3 nodes");
}

TEST_F(GraphIo, UnknownFieldsAreSkipped) {                                                  // A14
  std::string padded = good_bytes() + "\xc2\x3e\x80\x80\x40" + std::string(1 << 20, '\0');  // field 1000, 1 MiB
  Result<Graph> graph = read(file("padded.pb", padded));
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  EXPECT_LT(graph_bytes(*graph, GraphFormat::kBinary).value_or("").size(), 200u);
}

TEST_F(GraphIo, PathsThatAreNoFiles) {  // A15, A17
  auto message = [&](const std::string& name, ReadOptions options = {}) {
    return std::string(read_graph(path(name), options).status().message());
  };
  file("frozen.pb", good_bytes());
  EXPECT_CONTAINS(message("frozn.pb"), "did you mean 'frozen.pb'?");
  EXPECT_CONTAINS(message(""), "directory");
  ASSERT_TRUE(make_dirs(path("model")).ok());
  file("model/saved_model.pb", "x");
  EXPECT_CONTAINS(message("model"), "it is the folder of a SavedModel");
  file("m.ckpt-7.index", "x");
  file("m.ckpt-7.meta", "x");
  EXPECT_CONTAINS(message("m.ckpt-7"), "is the prefix of a checkpoint, which holds no graph (its graph is in '");
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_CONTAINS(message("fifo"), path("fifo"));
  ASSERT_EQ(symlink(path("loop").c_str(), path("loop").c_str()), 0);
  EXPECT_CONTAINS(message("loop"), path("loop"));
  EXPECT_FALSE(read_graph("/dev/zero").ok());
  ASSERT_EQ(truncate(file("sparse.pb", "x").c_str(), int64_t{10} << 30), 0);
  EXPECT_CONTAINS(message("sparse.pb"), "10737418240");
  EXPECT_CONTAINS(message("frozen.pb", {.max_bytes = 10}), "limit");
  expect_still_usable();
}

TEST_F(GraphIo, AFileCutByAnotherWhileItIsReadIsAnErrorAtMost) {                           // A16: read, not mapped
  std::string bytes = good_bytes() + "\xc2\x3e\x80\x80\x40" + std::string(1 << 20, '\0');  // field 1000 is skipped
  std::string name = file("cut.pb", bytes);
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (int64_t length = 0; !done; length = (length + 4096) % std::ssize(bytes)) {
      EXPECT_EQ(truncate(name.c_str(), length), 0);
    }
  });
  for (int i = 0; i < 200; ++i) {
    Result<Graph> graph = read(name);
    if (graph.ok()) continue;
    EXPECT_CONTAINS(graph.status().message(), name);
  }
  done = true;
  other.join();
  file("cut.pb", bytes);
  EXPECT_TRUE(read(name).ok());
}

pb::MetaGraphDef meta_graph_def() {
  pb::MetaGraphDef meta;
  Status status = parse_pbtxt(R"(
    meta_info_def {
      tags: 'train' tensorflow_version: '1.4.0'
      stripped_op_list { op { name: 'Relu' attr { name: 'newer' type: 'int' default_value { i: 5 } } } }
    }
    saver_def { filename_tensor_name: 'save/Const:0' save_tensor_name: 'save/control_dependency:0'
                restore_op_name: 'save/restore_all' version: V2 }
    collection_def { key: 'train_op' value { node_list { value: 'y:0' } } })",
                              meta);
  EXPECT_TRUE(status.ok()) << status.to_string();
  *meta.mutable_graph_def() = graph_def(placeholder("x") + relu("y", "x"));
  (*meta.mutable_graph_def()->mutable_node(1)->mutable_attr())["newer"].set_i(5);
  auto add = [&](const char* collection, const char* name) {
    pb::VariableDef variable;
    variable.set_variable_name(str_cat(name, ":0"));
    variable.set_initializer_name(str_cat(name, "/Assign"));
    variable.set_snapshot_name(str_cat(name, "/read:0"));
    variable.set_initial_value_name(str_cat(name, "/init:0"));
    (*meta.mutable_collection_def())[collection].mutable_bytes_list()->add_value(variable.SerializeAsString());
  };
  add("variables", "w");
  add("variables", "step");
  add("trainable_variables", "w");
  add("global_step", "step");
  return meta;
}

TEST_F(GraphIo, MetaGraphsGiveGraphSaverAndCollections) {
  for (bool as_text : {false, true}) {
    pb::MetaGraphDef def = meta_graph_def();
    Result<MetaGraph> meta =
        read_meta_graph(file("m.meta", as_text ? to_pbtxt(def) : serialize(def)), {.ops = &file_ops()});
    ASSERT_TRUE(meta.ok()) << meta.status().to_string();
    EXPECT_EQ(meta->graph.node_count(), 2);
    EXPECT_FALSE(meta->graph.node(1).attrs.contains("newer"));  // held the writer's default
    ASSERT_TRUE(meta->saver.has_value());
    EXPECT_EQ(meta->saver->restore_op, "save/restore_all");
    EXPECT_EQ(meta->saver->version, 2);
    ASSERT_EQ(meta->collections.variables().size(), 2u);
    const VariableRecord* w = meta->collections.find_variable("w");
    ASSERT_NE(w, nullptr);
    EXPECT_EQ(w->snapshot, "w/read");
    EXPECT_TRUE(w->trainable);
    EXPECT_FALSE(meta->collections.find_variable("step")->trainable);
    EXPECT_EQ(meta->collections.node_names(kGlobalStep), std::vector<std::string>{"step"});
    EXPECT_EQ(meta->collections.node_names(kTrainOp), std::vector<std::string>{"y"});
    EXPECT_EQ(meta->tags, std::vector<std::string>{"train"});
    EXPECT_EQ(meta->tensorflow_version, "1.4.0");
  }
  Result<MetaGraph> graph = read_meta_graph(file("g.meta", good_bytes()), {.ops = &file_ops()});
  EXPECT_CONTAINS(graph.status().message(), "not a MetaGraphDef but a GraphDef");
  pb::MetaGraphDef damaged = meta_graph_def();
  (*damaged.mutable_collection_def())["variables"].mutable_bytes_list()->add_value("\x0a\xff");
  EXPECT_CONTAINS(read_meta_graph(file("d.meta", serialize(damaged)), {.ops = &file_ops()}).status().message(),
                  "collection 'variables': VariableDef 2: byte 1 of 2");
}

TEST_F(GraphIo, MetaGraphsSayWhichOutputAVariableStartsFrom) {
  Scope root = Scope::NewRootScope();
  Operation halves = AddNode(root.WithOpName("halves"), "Split", {0, std::vector<float>{3, 8}}, {{"num_split", 2}});
  CreateVariable(root.WithOpName("first"), halves.output(0));
  CreateVariable(root.WithOpName("second"), halves.output(1));
  ASSERT_TRUE(root.ok()) << root.status().to_string();

  pb::MetaGraphDef def = export_meta_graph(root.graph(), root.collections());

  std::vector<std::string> starts;
  for (const std::string& bytes : def.collection_def().at("variables").bytes_list().value()) {
    pb::VariableDef variable;
    ASSERT_TRUE(variable.ParseFromString(bytes));
    starts.push_back(variable.initial_value_name());
  }
  EXPECT_EQ(starts, (std::vector<std::string>{"halves:0", "halves:1"}));
  Result<MetaGraph> meta = read_meta_graph(file("split.meta", serialize(def)));
  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  EXPECT_EQ(meta->collections.find_variable("first")->initial_value, "halves");
  EXPECT_EQ(meta->collections.find_variable("second")->initial_value, "halves:1");
}

}  // namespace
}  // namespace tarn
