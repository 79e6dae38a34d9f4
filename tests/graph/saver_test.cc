#include "graph/saver.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/ops.h"
#include "graph/text.h"
#include "graph/variables.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"

namespace tarn {
namespace {

// Two variables, and an op that sets both to a number; `w` holds {n, n, n}, `b` holds n.
struct Model {
  explicit Model(SaverOptions options = {}, const std::string& w_name = "w") {
    w = CreateVariable(root.WithOpName(w_name), {3}, Initializer::Zeros());
    b = CreateVariable(root.WithOpName("b"), Shape(), Initializer::Zeros(), {.trainable = false});
    number = ops::Placeholder(root.WithOpName("number"), DT_FLOAT, ops::Placeholder::Shape(Shape()));
    Output three = ops::Mul(root, number, std::vector<float>{1, 1, 1});
    set = ops::Identity(root.WithOpName("set").WithControlDependencies(
                            {AddNode(root, "Assign", {w.ref, three}), AddNode(root, "Assign", {b.ref, number})}),
                        number);
    init = GlobalVariablesInitializer(root);
    saver.emplace(root, options);
    EXPECT_TRUE(root.ok()) << root.status().to_string();
    session = std::make_unique<Session>(root.graph(), SessionOptions{.threads = 1});
    EXPECT_TRUE(session->Run(init.name()).ok());
  }
  void give(float value) {
    std::vector<Tensor> out;
    Status status = session->Run({{"number", Tensor::scalar(value)}}, {"set"}, &out);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  std::string values() {
    std::vector<Tensor> out;
    Status status = session->Run({}, {w.read.name(), b.read.name()}, &out);
    return status.ok() ? str_cat(out[0].to_string(), " ", out[1].to_string()) : status.to_string();
  }

  Scope root = Scope::NewRootScope();
  ModelVariable w, b;
  Output number, set;
  Operation init;
  std::optional<Saver> saver;
  std::unique_ptr<Session> session;
};

std::string names_in(const std::string& dir) {
  return str_join(*list_dir(dir), " ");
}

// "op(inputs)" of a node.
std::string form(const Graph& graph, std::string_view name) {
  std::optional<NodeId> id = graph.find(name);
  if (!id) return "none";
  std::vector<std::string> inputs;
  for (Wire wire : graph.node(*id).inputs) inputs.push_back(graph.wire_name(wire));
  for (NodeId control : graph.node(*id).controls) inputs.push_back("^" + graph.node(control).name);
  return str_cat(graph.node(*id).op, "(", str_join(inputs), ")");
}

TEST(Saver, AddsTensorFlowsNodesUnderTensorFlowsNames) {
  Model model;
  const Graph& graph = model.root.graph();

  EXPECT_EQ(form(graph, "save/filename/input"), "Const()");
  EXPECT_EQ(form(graph, "save/filename"), "PlaceholderWithDefault(save/filename/input)");
  EXPECT_EQ(form(graph, "save/Const"), "PlaceholderWithDefault(save/filename)");
  EXPECT_EQ(form(graph, "save/SaveV2"),
            "SaveV2(save/Const, save/SaveV2/tensor_names, save/SaveV2/shape_and_slices, b, w)");
  EXPECT_EQ(form(graph, "save/control_dependency"), "Identity(save/Const, ^save/SaveV2)");
  EXPECT_EQ(form(graph, "save/RestoreV2"),
            "RestoreV2(save/Const, save/RestoreV2/tensor_names, save/RestoreV2/shape_and_slices)");
  EXPECT_EQ(form(graph, "save/Assign"), "Assign(b, save/RestoreV2)");
  EXPECT_EQ(form(graph, "save/Assign_1"), "Assign(w, save/RestoreV2:1)");
  EXPECT_EQ(form(graph, "save/restore_all"), "NoOp(^save/Assign, ^save/Assign_1)");
  EXPECT_EQ(model.saver->names().filename_tensor, "save/Const:0");
  EXPECT_EQ(model.saver->names().save_tensor, "save/control_dependency:0");
  EXPECT_EQ(model.saver->names().restore_op, "save/restore_all");
}

TEST(Saver, WithoutVariablesIsTheScopesError) {
  Scope root = Scope::NewRootScope();

  Saver saver(root);

  EXPECT_SAYS(root.status(), {"no variables"});
}

TEST(Saver, RefusesByNameWhatIsNoVariableOfItsGraph) {
  Scope other = Scope::NewRootScope();
  Output foreign = CreateVariable(other.WithOpName("foreign"), {3}, Initializer::Zeros()).ref;
  struct Case {
    std::string what;
    std::function<SaverOptions(Output w, Output read)> options;
    std::string name, says;
  };
  const Case cases[] = {
      {"none",
       [](Output w, Output) {
         return SaverOptions{.var_list = {w, Output()}};
       },
       "var_list", "no output"},
      {"none by name",
       [](Output w, Output) {
         return SaverOptions{.var_map = {{"w", w}, {"average", Output()}}};
       },
       "'average'", "no output"},
      {"foreign",
       [&](Output w, Output) {
         return SaverOptions{.var_list = {w, foreign}};
       },
       "'foreign'", "another graph"},
      {"a value", [](Output, Output read) { return SaverOptions{.var_list = {read}}; }, "'w/read'", "is a Identity"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Scope root = Scope::NewRootScope();
    ModelVariable w = CreateVariable(root.WithOpName("w"), {3}, Initializer::Zeros());

    Saver saver(root, c.options(w.ref, w.read));

    EXPECT_SAYS(root.status(), {c.name, c.says});
  }
}

TEST(Saver, SavesFourFilesAndRestoresInAnotherSession) {
  TempDir dir;
  Model model;
  model.give(7);

  Result<std::string> path = model.saver->Save(*model.session, dir.file("model.ckpt"), 1000);

  ASSERT_TRUE(path.ok()) << path.status().to_string();
  EXPECT_EQ(*path, dir.file("model.ckpt-1000"));
  EXPECT_EQ(names_in(dir.path()),
            "checkpoint model.ckpt-1000.data-00000-of-00001 model.ckpt-1000.index model.ckpt-1000.meta");
  EXPECT_EQ(*latest_checkpoint(dir.path()), *path);
  Model other;
  Status status = other.saver->Restore(*other.session, *path);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(other.values(), "f32[3]{7, 7, 7} f32[]{7}");
}

TEST(Saver, WithoutAStepThePathIsThePrefixAndMayBeWrittenAgain) {
  TempDir dir;
  Model model;
  for (float value : {1.0f, 2.0f}) {
    model.give(value);
    Result<std::string> path = model.saver->Save(*model.session, dir.file("deep/er/model"));
    ASSERT_TRUE(path.ok()) << path.status().to_string();
    EXPECT_EQ(*path, dir.file("deep/er/model"));
  }
  model.give(9);

  ASSERT_TRUE(model.saver->Restore(*model.session, dir.file("deep/er/model")).ok());

  EXPECT_EQ(model.values(), "f32[3]{2, 2, 2} f32[]{2}");
}

TEST(Saver, KeepsTheNewestCheckpointsOfEachStateFile) {
  TempDir dir;
  Model model({.max_to_keep = 2, .write_meta_graph = false});
  for (int step : {1, 2, 3}) ASSERT_TRUE(model.saver->Save(*model.session, dir.file("m"), step).ok());

  ASSERT_TRUE(model.saver->Save(*model.session, dir.file("best"), 2, "best_checkpoint").ok());

  EXPECT_EQ(names_in(dir.path()),
            "best-2.data-00000-of-00001 best-2.index best_checkpoint checkpoint "
            "m-2.data-00000-of-00001 m-2.index m-3.data-00000-of-00001 m-3.index");
  EXPECT_EQ(*latest_checkpoint(dir.path(), "best_checkpoint"), dir.file("best-2"));
}

TEST(Saver, RecoveredCheckpointsCountTowardsThoseKept) {
  TempDir dir;
  Model first({.max_to_keep = 2, .write_meta_graph = false});
  for (int step : {1, 2}) ASSERT_TRUE(first.saver->Save(*first.session, dir.file("m"), step).ok());
  Model second({.max_to_keep = 2, .write_meta_graph = false});

  ASSERT_TRUE(second.saver->RecoverLastCheckpoints(dir.path()).ok());
  ASSERT_TRUE(second.saver->Save(*second.session, dir.file("m"), 3).ok());

  EXPECT_FALSE(checkpoint_exists(dir.file("m-1")));
  EXPECT_TRUE(checkpoint_exists(dir.file("m-2")));
}

TEST(Saver, RestoreListsEveryMissingAndUnfittingVariableAndChangesNothing) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("m"), {{"weights", Tensor::from<float>({3}, {1, 2, 3})},
                                               {"b", Tensor::from<float>({2}, {4, 5})}})
                  .ok());
  Model model({}, "weight");
  model.give(6);

  Status status = model.saver->Restore(*model.session, dir.file("m"));

  EXPECT_SAYS(status,
              {dir.file("m"), "variable 'weight'", "did you mean 'weights'", "variable 'b'", "f32[]", "f32[2]"});
  EXPECT_EQ(model.values(), "f32[3]{6, 6, 6} f32[]{6}");
}

// TensorFlow's sharded savers: restore_all waits for a node per shard, which waits for the Assigns.
TEST(Saver, RestoreOfAShardedSaverListsEveryMissingVariableToo) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("m"), {{"weights", Tensor::from<float>({3}, {1, 2, 3})}}).ok());
  Model model({}, "weight");
  Operation shard(&model.root.graph(), *model.root.graph().find("save/restore_all"));
  AddNode(model.root.WithOpName("restore_shards").WithControlDependencies({shard}), "NoOp", {});
  MetaGraph meta;
  meta.graph = model.root.graph();
  meta.saver = model.saver->names();
  meta.saver->restore_op = "restore_shards";
  Session session(meta.graph, {.threads = 1});

  Status status = Saver::FromMetaGraph(meta)->Restore(session, dir.file("m"));

  EXPECT_SAYS(status, {dir.file("m"), "variable 'weight'", "did you mean 'weights'", "variable 'b'"});
}

TEST(Saver, RestoreOfADamagedValueChangesNothing) {
  TempDir dir;
  Model model;
  model.give(1);
  Result<std::string> path = model.saver->Save(*model.session, dir.file("m"));
  ASSERT_TRUE(path.ok());
  std::string data = *read_file(checkpoint_data_path(*path, 0, 1));
  data.back() = static_cast<char>(data.back() ^ 1);  // of w, which is read last
  ASSERT_TRUE(write_file_atomically(checkpoint_data_path(*path, 0, 1), data).ok());
  model.give(2);

  Status status = model.saver->Restore(*model.session, *path);

  EXPECT_SAYS(status, {"'w'"});
  EXPECT_EQ(model.values(), "f32[3]{2, 2, 2} f32[]{2}");
}

TEST(Saver, RefusesASessionOnAGraphWithoutItsNodes) {
  TempDir dir;
  Scope root = Scope::NewRootScope();
  CreateVariable(root.WithOpName("w"), {3}, Initializer::Zeros());
  Session session(root.graph(), {.threads = 1});
  Saver saver(root);

  Result<std::string> path = saver.Save(session, dir.file("m"));

  EXPECT_SAYS(path.status(), {"before the Session"});
  EXPECT_EQ(names_in(dir.path()), "");
}

TEST(Saver, TheMetaGraphBringsGraphCollectionsAndSaver) {
  TempDir dir;
  Model model;
  model.root.collections().add_node(kTrainOp, "set");
  model.give(5);
  Result<std::string> path = model.saver->Save(*model.session, dir.file("m"), 5);
  ASSERT_TRUE(path.ok());

  Result<MetaGraph> meta = read_meta_graph(*path + ".meta");

  ASSERT_TRUE(meta.ok()) << meta.status().to_string();
  ASSERT_EQ(meta->collections.variables().size(), 2u);
  const VariableRecord* w = meta->collections.find_variable("w");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->initializer, "w/Assign");
  EXPECT_EQ(w->snapshot, "w/read");
  EXPECT_EQ(w->initial_value, "w/Initializer/zeros");
  ASSERT_EQ(meta->collections.trainable_variables().size(), 1u);
  EXPECT_EQ(meta->collections.node_names(kTrainOp), std::vector<std::string>{"set"});
  Result<Saver> saver = Saver::FromMetaGraph(*meta);
  ASSERT_TRUE(saver.ok()) << saver.status().to_string();
  Session session(meta->graph, {.threads = 1});
  ASSERT_TRUE(saver->Restore(session, *path).ok());
  EXPECT_EQ(session.variable("w")->to_string(), "f32[3]{5, 5, 5}");
  Result<std::string> again = saver->Save(session, dir.file("again"), 6);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_TRUE(read_meta_graph(*again + ".meta").ok());
}

TEST(Saver, ASaveKilledAtAnyCallLeavesAStateFileThatNamesAWholeCheckpointWithItsMetaGraph) {
  Model model;
  for (bool torn : {false, true}) {
    int kills = 0;
    for (int n = 0;; ++n) {
      TempDir dir;
      model.give(1);
      ASSERT_TRUE(model.saver->Save(*model.session, dir.file("m"), 1).ok());
      model.give(2);

      bool died = dies_at(n, torn, [&] { (void)model.saver->Save(*model.session, dir.file("m"), 2); });

      Result<std::string> latest = latest_checkpoint(dir.path());
      ASSERT_TRUE(latest.ok()) << "killed at call " << n << ": " << latest.status().to_string();
      EXPECT_TRUE(*latest == dir.file("m-1") || *latest == dir.file("m-2")) << *latest;
      EXPECT_TRUE(read_everything(dir.file("m-1")).ok());
      EXPECT_TRUE(read_everything(*latest).ok()) << "killed at call " << n;
      EXPECT_TRUE(read_meta_graph(*latest + ".meta").ok()) << "killed at call " << n;
      if (!died) {
        EXPECT_EQ(*latest, dir.file("m-2"));
        break;
      }
      ++kills;
    }
    EXPECT_GT(kills, 10);
  }
}

// Wherever a save of the newest checkpoint, or over the one that is kept under one name, was killed: what the next
// start leaves are the files of the checkpoints that the state files name.
TEST(Saver, AStartAfterASaveKilledAtAnyCallLeavesWholeCheckpointsAndNothingElse) {
  for (bool step : {true, false}) {
    for (int n = 0;; ++n) {
      SCOPED_TRACE(str_cat(step ? "numbered" : "over itself", ", killed at call ", n));
      TempDir dir;
      Model model({.max_to_keep = 2});
      auto save = [&](Model& of, int number) {
        of.give(static_cast<float>(number));
        if (step) return of.saver->Save(*of.session, dir.file("m"), number).status();
        return of.saver->Save(*of.session, dir.file("m"), std::nullopt, "best").status();
      };
      for (int number : {1, 2, 3}) ASSERT_TRUE(save(model, number).ok());
      bool died = dies_at(n, false, [&] { (void)save(model, 4); });

      Model next({.max_to_keep = 2});
      Result<std::string> from = next.saver->RestoreLatest(*next.session, dir.path());

      ASSERT_TRUE(from.ok()) << from.status().to_string();
      EXPECT_EQ(*from, !step ? "" : checkpoint_exists(dir.file("m-4")) ? dir.file("m-4") : dir.file("m-3"));
      const std::string state_name = step ? "checkpoint" : "best";
      std::set<std::string> belong = {state_name};
      const CheckpointState state = *read_checkpoint_state(dir.path(), state_name);
      for (const std::string& prefix : state.all) {
        EXPECT_TRUE(read_everything(prefix).ok());
        for (const char* end : {".data-00000-of-00001", ".index", ".meta"}) belong.insert(path_name(prefix) + end);
      }
      EXPECT_LE(state.all.size(), 2u);
      std::vector<std::string> names = *list_dir(dir.path());
      EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), belong);
      if (!died) break;
    }
  }
}

TEST(Saver, RestoreLatestOfAFolderWithoutCheckpointsIsAStartFromNothing) {
  TempDir dir;
  Model model;
  model.give(3);

  EXPECT_EQ(*model.saver->RestoreLatest(*model.session, dir.path()), "");
  EXPECT_EQ(*model.saver->RestoreLatest(*model.session, dir.file("none")), "");
  EXPECT_EQ(model.values(), "f32[3]{3, 3, 3} f32[]{3}");
  // A state file that names what is not there is no such thing.
  ASSERT_TRUE(write_checkpoint_state(dir.path(), {dir.file("m-7"), {}}).ok());
  EXPECT_SAYS(model.saver->RestoreLatest(*model.session, dir.path()).status(), {"m-7.index"});
}

TEST(Saver, RestoreLatestCountsEarlierCheckpointsTowardsThoseKept) {
  TempDir dir;
  Model first({.max_to_keep = 2}), second({.max_to_keep = 2});
  for (int step : {1, 2}) ASSERT_TRUE(first.saver->Save(*first.session, dir.file("m"), step).ok());

  EXPECT_EQ(*second.saver->RestoreLatest(*second.session, dir.path()), dir.file("m-2"));
  ASSERT_TRUE(second.saver->Save(*second.session, dir.file("m"), 3).ok());

  EXPECT_FALSE(checkpoint_exists(dir.file("m-1")));
  EXPECT_TRUE(checkpoint_exists(dir.file("m-2")));
}

// A checkpoint that somebody put there is not a killed save's.
TEST(Saver, AStartRemovesNoCheckpointThatItDidNotBegin) {
  TempDir dir;
  Model model;
  ASSERT_TRUE(model.saver->Save(*model.session, dir.file("m"), 1).ok());
  ASSERT_TRUE(write_checkpoint(dir.file("m-9"), {{"w", Tensor::scalar(1.0f)}}).ok());

  ASSERT_TRUE(model.saver->RestoreLatest(*model.session, dir.path()).ok());

  EXPECT_TRUE(read_everything(dir.file("m-9")).ok());
}

}  // namespace
}  // namespace tarn
