// Whatever people call their graph: files, folders and checkpoints are told by what is in them.
#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/graph_def.h"
#include "graph/graph_io.h"
#include "graph/proto_io.h"
#include "proto/meta_graph.pb.h"
#include "proto/saved_model.pb.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

pb::MetaGraphDef meta_graph(const std::string& node, std::vector<std::string> tags = {}) {
  pb::MetaGraphDef meta;
  pb::NodeDef& def = *meta.mutable_graph_def()->add_node();
  def.set_name(node);
  def.set_op("Placeholder");
  (*def.mutable_attr())["dtype"].set_type(pb::DT_FLOAT);
  meta.mutable_saver_def()->set_restore_op_name("save/restore_all");
  for (const std::string& tag : tags) meta.mutable_meta_info_def()->add_tags(tag);
  pb::SignatureDef& signature = (*meta.mutable_signature_def())["serving_default"];
  (*signature.mutable_inputs())["image"].set_name(node + ":0");
  return meta;
}

class ReadAnyGraph : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    EXPECT_TRUE(make_dirs(path_dir(dir_.file(name))).ok());
    EXPECT_TRUE(write_file_atomically(dir_.file(name), bytes).ok());
    return dir_.file(name);
  }
  // The name of the only node, or the error.
  std::string node_of(const std::string& path, std::vector<std::string> tags = {}) {
    ReadOptions options;
    options.tags = std::move(tags);
    Result<AnyGraph> any = read_any_graph(path, options);
    if (!any.ok()) return any.status().to_string();
    return any->graph.node_count() == 1 ? any->graph.node(any->graph.ids()[0]).name : "not one node";
  }
  TempDir dir_;
};

TEST_F(ReadAnyGraph, TellsTheFormByTheContentWhateverTheName) {
  pb::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = meta_graph("x", {"serve"});
  pb::MetaGraphDef meta = meta_graph("x");

  EXPECT_EQ(node_of(write("a.bin", serialize(meta.graph_def()))), "x");
  EXPECT_EQ(node_of(write("b.bin", to_pbtxt(meta.graph_def()))), "x");
  EXPECT_EQ(node_of(write("c.pb", serialize(meta))), "x");
  EXPECT_EQ(node_of(write("d.pb", to_pbtxt(meta))), "x");
  EXPECT_EQ(node_of(write("e.meta", serialize(saved))), "x");
  EXPECT_EQ(node_of(write("f.pb", to_pbtxt(saved))), "x");
  EXPECT_EQ(node_of(write("g.pb", "x: f32? = Placeholder\n")), "x");
}

TEST_F(ReadAnyGraph, TakesTheGraphOfASavedModelByItsTags) {
  pb::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = meta_graph("training", {"train"});
  *saved.add_meta_graphs() = meta_graph("serving", {"serve"});
  *saved.add_meta_graphs() = meta_graph("gpu", {"serve", "gpu"});
  write("model/saved_model.pb", serialize(saved));

  EXPECT_EQ(node_of(dir_.file("model")), "serving");
  EXPECT_EQ(node_of(dir_.file("model"), {"train"}), "training");
  EXPECT_EQ(node_of(dir_.file("model/saved_model.pb"), {"gpu", "serve"}), "gpu");
  Status none = read_any_graph(dir_.file("model"), {.tags = {"tpu"}}).status();
  EXPECT_SAYS(none,
              {"saved_model.pb", "no graph of the SavedModel has the tags {tpu}", "{train}, {serve}, {serve, gpu}"});
  EXPECT_EQ(saved_model_tags(dir_.file("model"))->size(), 3u);

  saved.mutable_meta_graphs()->DeleteSubrange(1, 2);
  write("one/saved_model.pb", serialize(saved));
  EXPECT_EQ(node_of(dir_.file("one")), "training") << "the only graph is meant, whatever its tags";

  *saved.add_meta_graphs() = meta_graph("untagged");
  write("hub/saved_model.pb", serialize(saved));
  EXPECT_EQ(node_of(dir_.file("hub")), "untagged") << "as TF-Hub's modules have it, beside {train}";
  *saved.add_meta_graphs() = meta_graph("serving", {"serve"});
  write("both/saved_model.pb", serialize(saved));
  EXPECT_EQ(node_of(dir_.file("both")), "serving");
  EXPECT_EQ(node_of(dir_.file("both"), {""}), "untagged");
}

TEST_F(ReadAnyGraph, ACheckpointBringsTheMetaGraphBesideIt) {
  ASSERT_TRUE(write_checkpoint(dir_.file("m.ckpt-7"), {{"w", Tensor::scalar<float>(1)}}).ok());
  Status bare = read_any_graph(dir_.file("m.ckpt-7")).status();
  EXPECT_SAYS(bare, {"is a checkpoint, which holds no graph", "m.ckpt-7.meta"});
  write("m.ckpt-7.meta", serialize(meta_graph("x")));
  write("checkpoint", "model_checkpoint_path: \"m.ckpt-7\"\n");

  for (const char* name :
       {"m.ckpt-7", "m.ckpt-7.index", "m.ckpt-7.data-00000-of-00001", "m.ckpt-7.meta", "checkpoint", ""}) {
    Result<AnyGraph> any = read_any_graph(dir_.file(name));
    ASSERT_TRUE(any.ok()) << name << ": " << any.status().to_string();
    EXPECT_EQ(any->form, AnyGraph::Form::kMetaGraph);
    EXPECT_EQ(path_name(any->checkpoint), "m.ckpt-7") << name;
    EXPECT_EQ(any->saver->restore_op, "save/restore_all");
    EXPECT_EQ(any->signatures.at("serving_default").inputs.at("image").name, "x:0");
  }
}

TEST_F(ReadAnyGraph, SaysWhatAFolderLacks) {
  ASSERT_TRUE(make_dirs(dir_.file("empty")).ok());
  EXPECT_SAYS(read_any_graph(dir_.file("empty")).status(), {"is a folder without saved_model.pb"});
  write("two/a.meta", serialize(meta_graph("x")));
  write("two/b.meta", serialize(meta_graph("x")));
  EXPECT_SAYS(read_any_graph(dir_.file("two")).status(), {"a folder with 2 MetaGraphs", "a.meta"});
  pb::SavedModel below;
  below.set_saved_model_schema_version(1);
  *below.add_meta_graphs() = meta_graph("below");
  write("two/sm/saved_model.pb", serialize(below));
  EXPECT_SAYS(read_any_graph(dir_.file("two")).status(), {"a folder with 2 MetaGraphs", "a.meta"});
}

// As editors and shells of Windows write text.
TEST_F(ReadAnyGraph, PassesOverAByteOrderMarkAndNamesUtf16) {
  const std::string mark = "\xef\xbb\xbf",
                    node = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }";
  EXPECT_EQ(node_of(write("marked.pbtxt", mark + node)), "x");
  EXPECT_EQ(node_of(write("marked.txt", mark + "x: f32? = Placeholder\n")), "x");
  std::string wide = "\xff\xfe";
  for (char c : node) wide += std::string(1, c) + '\0';
  EXPECT_SAYS(read_any_graph(write("wide.pbtxt", wide)).status(), {"a text in UTF-16", "save it as UTF-8"});
}

TEST_F(ReadAnyGraph, SaysWhatIsMissingOrDamagedOfACheckpoint) {
  ASSERT_TRUE(write_checkpoint(dir_.file("m.ckpt-7"), {{"w", Tensor::scalar<float>(1)}}).ok());
  write("m.ckpt-7.meta", serialize(meta_graph("x")));
  ASSERT_TRUE(remove_file(dir_.file("m.ckpt-7.index")).ok());
  write("v1.ckpt.meta", serialize(meta_graph("x")));
  write("other/checkpoint", "model_checkpoint_path: \"m\"\nwhat: 1\n");

  EXPECT_SAYS(read_any_graph(dir_.file("m.ckpt-7")).status(),
              {"'m.ckpt-7.data-00000-of-00001' is there, but not the index 'm.ckpt-7.index'"});
  EXPECT_SAYS(read_any_graph(write("v1.ckpt", std::string("\0\1\2", 3))).status(),
              {"lies beside 'v1.ckpt.meta' as a checkpoint does, but is none, or damaged"});
  Status state = read_any_graph(dir_.file("other")).status();
  EXPECT_SAYS(state, {"not a file that names checkpoints", "there is no field \"what\""});
  EXPECT_EQ(state.message().find("tarn.pb"), std::string::npos);
}

TEST_F(ReadAnyGraph, ADamagedSavedModelIsCalledOne) {
  pb::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = meta_graph("x", {"serve"});
  std::string bytes = serialize(saved);
  for (size_t cut = 4; cut < bytes.size(); ++cut) {
    Status status = read_any_graph(write("cut.pb", bytes.substr(0, cut))).status();
    EXPECT_SAYS(status, {"SavedModel"}) << cut;
  }
  saved.set_saved_model_schema_version(2);
  EXPECT_SAYS(read_any_graph(write("new.pb", serialize(saved))).status(), {"schema version 2"});
}

TEST_F(ReadAnyGraph, UnknownAttrsAreIgnoredWithALineIfTheySayAsAlways) {
  pb::GraphDef def = meta_graph("x").graph_def();
  auto add = [&](const char* name, const char* op, const char* attr) -> pb::AttrValue& {
    pb::NodeDef& node = *def.add_node();
    node.set_name(name);
    node.set_op(op);
    node.add_input("x");
    (*node.mutable_attr())["T"].set_type(pb::DT_FLOAT);
    return (*node.mutable_attr())[attr];
  };
  add("a", "Relu", "new_mode").set_s("");
  add("b", "Relu", "new_mode").set_s("");

  Result<AnyGraph> any = read_any_graph(write("g.pb", serialize(def)));

  ASSERT_TRUE(any.ok()) << any.status().to_string();
  ASSERT_EQ(any->notes.size(), 1u);
  EXPECT_EQ(any->notes[0], "attr 'new_mode' of 2 Relu nodes has its default and is ignored");
  add("c", "Relu", "newer_mode").set_s("fast");
  EXPECT_SAYS(read_any_graph(write("g.pb", serialize(def))).status(),
              {"Relu 'c'", "unknown attr 'newer_mode'", "fast"});
}

}  // namespace
}  // namespace tarn
