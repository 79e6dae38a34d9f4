// Tables, in sessions and in the engine; and the ops that talk to files: ReadFile, tables from text,
// MergeV2Checkpoints.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "graph/freeze.h"
#include "graph/graph_io.h"
#include "graph/session.h"
#include "graph/text.h"
#include "runtime/engine.h"
#include "tests/support/graph_text.h"
#include "tests/support/models.h"

namespace tarn {
namespace {

constexpr std::string_view kVocabulary = R"(
keys: str[3] = {"a", "b", "c"}
values: i64[3] = {10, 20, 30}
table = HashTableV2 {key_dtype=str, value_dtype=i64, shared_name="vocabulary"}
init = InitializeTableV2(table, keys, values)
query: str[?] = Placeholder
other: i64[] = -1
found = LookupTableFindV2(table, query, other)
size = LookupTableSizeV2(table)
)";

Tensor words(std::initializer_list<std::string> values) {
  return Tensor::from<std::string>({static_cast<int64_t>(values.size())}, values);
}

TEST(Tables, AreFilledByTheirInitializerAndKeepWhatTheyHold) {
  Session session(graph_of(kVocabulary));
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run("init").ok());

  Status status = session.Run({{"query", words({"b", "x", "a"})}}, {"found", "size"}, &out);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(out[0].identical_to(Tensor::from<int64_t>({3}, {20, -1, 10}))) << out[0].to_string();
  EXPECT_EQ(out[1].item<int64_t>(), 3);
  EXPECT_TRUE(session.Run("init").ok()) << "the same data again is no trouble";
}

TEST(Tables, SayThatTheyWereNotFilled) {
  Session session(graph_of(kVocabulary));
  std::vector<Tensor> out;

  Status status = session.Run({{"query", words({"b"})}}, {"found"}, &out);

  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("LookupTableFindV2 'found': Table not initialized: 'vocabulary'"),
            std::string_view::npos)
      << status.to_string();
}

TEST(Tables, AreAllFilledByInitializeTables) {
  Session session(graph_of(kVocabulary));
  std::vector<Tensor> out;

  ASSERT_TRUE(session.InitializeTables().ok());

  ASSERT_TRUE(session.Run({}, {"size"}, &out).ok());
  EXPECT_EQ(out[0].item<int64_t>(), 3);
}

TEST(Tables, AreFilledByTheEngineItself) {
  std::string bytes = testing::model_bytes(kVocabulary);
  Result<std::shared_ptr<const Engine>> engine =
      Engine::load_bytes(bytes, nullptr, "model.pb", {.inputs = {"query"}, .outputs = {"found"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  const std::pair<std::string, int64_t> expected[] = {{"c", 30}, {"nothing", -1}};
  for (const auto& [query, value] : expected) {
    ASSERT_TRUE(context.set_input("query", words({query})).ok());

    Status status = context.run();

    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ((*context.output(0))->item<int64_t>(), value);
  }
}

TEST(Tables, AreFilledByTheEngineWhereAHandlePassedOn) {
  Graph graph = graph_of(R"(
keys: str[1] = {"a"}
values: i64[1] = {10}
table = HashTableV2 {key_dtype=str, value_dtype=i64}
handle = Identity(table)
passed = Identity(handle)
init = InitializeTableV2(passed, keys, values)
query: str[?] = Placeholder
other: i64[] = -1
found = LookupTableFindV2(table, query, other)
)");
  auto bytes = std::make_shared<std::string>(*graph_bytes(graph, GraphFormat::kBinary));
  Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(*bytes, bytes, "m", {.outputs = {"found"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input(0, words({"a", "b"})).ok());

  Status status = context.run();

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ((*context.output(0))->as<int64_t>()[0], 10);
}

// As StaticHashTable of TensorFlow 1.14 and later is filled; reading the graph's other Import is a Saver's business.
TEST(Tables, ThatAreFilledOnceTakeAnImportOfConstants) {
  constexpr std::string_view kImported = R"(
keys: i64[2] = {7, 9}
values: f32[2] = {70, 90}
table = HashTableV2 {key_dtype=i64, value_dtype=f32}
handle = Identity(table)
init = LookupTableImportV2(handle, keys, values)
saved: f32[2] = Placeholder
state = MutableHashTableV2 {key_dtype=i64, value_dtype=f32}
restore = LookupTableImportV2(state, keys, saved)
more = LookupTableInsertV2(table, keys, values)
again = LookupTableImportV2(table, keys, saved)
query: i64[?] = Placeholder
none: f32[] = -1
found = LookupTableFindV2(table, query, none)
kept = LookupTableFindV2(state, query, none)
)";
  Graph graph = graph_of(kImported);
  Tensor query = Tensor::from<int64_t>({2}, {9, 8}), expected = Tensor::from<float>({2}, {90, -1});
  Session session(graph);
  std::vector<Tensor> out;
  Status filled = session.InitializeTables();
  ASSERT_TRUE(filled.ok()) << filled.to_string();
  ASSERT_TRUE(session.Run({{"query", query}}, {"found"}, &out).ok());
  EXPECT_TRUE(out[0].identical_to(expected)) << out[0].to_string();
  EXPECT_TRUE(session.Run("init").ok()) << "the same data again is no trouble";
  Tensor other = Tensor::from<float>({2}, {1, 2});
  EXPECT_EQ(session.Run({{"saved", other}}, {}, {"again"}, nullptr).code(), Code::kFailedPrecondition);
  EXPECT_EQ(session.Run("more").code(), Code::kUnimplemented);

  Result<FrozenGraph> frozen = freeze(graph, {.outputs = {"found", "kept"}}, no_values());
  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_TRUE(frozen->graph.find_node("init").ok());
  EXPECT_FALSE(frozen->graph.find_node("again").ok()) << "what is fed is no initializer";
  ASSERT_EQ(frozen->warnings.size(), 1u);
  EXPECT_EQ(frozen->warnings[0],
            "output 'kept' depends on 'state' (MutableHashTableV2), which is not frozen; to have it filled, name what "
            "fills it ('restore') among the outputs and run that first");
  auto bytes = std::make_shared<std::string>(*graph_bytes(frozen->graph, GraphFormat::kBinary));
  Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(*bytes, bytes, "m", {.outputs = {"found"}});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  EngineContext context(*engine);
  ASSERT_TRUE(context.set_input("query", query).ok());
  Status ran = context.run();
  ASSERT_TRUE(ran.ok()) << ran.to_string();
  EXPECT_EQ((*context.output(0))->as<float>()[0], 90);
}

TEST(Tables, OfReferencesWorkLikewise) {
  Session session(graph_of(R"(
keys: i64[2] = {7, 9}
values: str[2] = {"seven", "nine"}
table = HashTable {key_dtype=i64, value_dtype=str}
init = InitializeTable(table, keys, values)
other: str[] = "none"
query: i64[3] = {9, 8, 7}
found = LookupTableFind(table, query, other)
size = LookupTableSize(table)
)"));
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run("init").ok());

  Status status = session.Run({}, {"found", "size"}, &out);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(out[0].identical_to(words({"nine", "none", "seven"}))) << out[0].to_string();
  EXPECT_EQ(out[1].item<int64_t>(), 2);
}

TEST(Tables, ThatAreMutableTakeInsertsAndRemovals) {
  Session session(graph_of(R"(
table = MutableHashTableV2 {key_dtype=i64, value_dtype=f32}
key: i64[?] = Placeholder
value: f32[?] = Placeholder
insert = LookupTableInsertV2(table, key, value)
import = LookupTableImportV2(table, key, value)
remove = LookupTableRemoveV2(table, key)
all = LookupTableExportV2(table) {Tkeys=i64, Tvalues=f32}
)"));
  std::vector<Tensor> out;
  auto pairs = [](std::initializer_list<int64_t> keys, std::initializer_list<float> values) {
    return std::vector<Session::Feed>{{"key", Tensor::from<int64_t>({static_cast<int64_t>(keys.size())}, keys)},
                                      {"value", Tensor::from<float>({static_cast<int64_t>(values.size())}, values)}};
  };
  ASSERT_TRUE(session.Run(pairs({1, 2, 3}, {10, 20, 30}), {}, {"insert"}, nullptr).ok());
  ASSERT_TRUE(session.Run(pairs({2}, {21}), {}, {"insert"}, nullptr).ok());
  ASSERT_TRUE(session.Run({{"key", Tensor::from<int64_t>({2}, {1, 99})}}, {}, {"remove"}, nullptr).ok());

  ASSERT_TRUE(session.Run({}, {"all:0", "all:1"}, &out).ok());

  ASSERT_EQ(out[0].element_count(), 2);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(out[1].flat<float>()[i], out[0].flat<int64_t>()[i] == 2 ? 21.0f : 30.0f) << out[0].to_string();
  }
  ASSERT_TRUE(session.Run(pairs({5}, {50}), {}, {"import"}, nullptr).ok());
  ASSERT_TRUE(session.Run({}, {"all:0"}, &out).ok());
  EXPECT_TRUE(out[0].identical_to(Tensor::from<int64_t>({1}, {5}))) << out[0].to_string();
}

TEST(Tables, RefuseOtherDtypesOtherHandlesAndTwoValuesForAKey) {
  auto refusal = [](std::string_view text, const std::vector<std::string>& fetches, const std::string& target) {
    Session session(graph_of(text));
    std::vector<Tensor> out;
    Status status = session.Run({}, fetches, {target}, &out);
    return status.ok() ? "accepted" : std::string(status.message());
  };
  std::string twice = refusal(R"(
keys: str[2] = {"a", "a"}
values: i64[2] = {1, 2}
table = HashTableV2 {key_dtype=str, value_dtype=i64}
init = InitializeTableV2(table, keys, values)
)",
                              {}, "init");
  EXPECT_NE(twice.find("HashTable has different value for same key"), std::string::npos) << twice;
  std::string dtypes = refusal(R"(
keys: str[1] = {"a"}
values: i32[1] = {1}
table = HashTableV2 {key_dtype=str, value_dtype=i64}
init = InitializeTableV2(table, keys, values)
)",
                               {}, "init");
  EXPECT_NE(dtypes.find("Conflicting key/value dtypes string->int32 with string->int64"), std::string::npos) << dtypes;
  std::string handle = refusal(R"(
variable = VarHandleOp {dtype=f32, shape=[2]}
size = LookupTableSizeV2(variable)
zero: f32[2] = {0, 0}
assign = AssignVariableOp(variable, zero)
)",
                               {"size"}, "assign");
  EXPECT_NE(handle, "accepted");
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    dir_ = std::filesystem::path(::testing::TempDir()) / (std::string("tarn_files_") + test->name());
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  std::filesystem::path dir_;
};

// What the engine gives for `query`, as text.
std::string found_by_engine(const FrozenGraph& frozen, const std::string& output, const Tensor& query) {
  auto bytes = std::make_shared<std::string>(*graph_bytes(frozen.graph, GraphFormat::kBinary));
  Result<std::shared_ptr<const Engine>> engine = Engine::load_bytes(*bytes, bytes, "m", {.outputs = {output}});
  if (!engine.ok()) return engine.status().to_string();
  EngineContext context(*engine);
  EXPECT_TRUE(context.set_input("query", query).ok());
  if (Status ran = context.run(); !ran.ok()) return ran.to_string();
  const TensorView view = **context.output(0);
  Tensor copy = *Tensor::allocate(view.dtype, *view.shape);
  if (view.dtype == DType::kString) {
    std::copy_n(view.as<std::string>(), view.count, copy.mutable_flat<std::string>().begin());
  } else {
    std::copy_n(view.as<float>(), view.count, copy.mutable_flat<float>().begin());
  }
  return copy.to_string();
}

TEST_F(Files, AreReadOnlyWhereTheSessionMay) {
  ASSERT_TRUE(write_file_atomically(path("a"), "content").ok());
  Graph graph = graph_of("name: str[] = \"" + path("a") + "\"\nread = ReadFile(name)\n");
  std::vector<Tensor> out;

  Status refused = Session(graph).Run({}, {"read"}, &out);
  Status read = Session(graph, {.files = &disk_files()}).Run({}, {"read"}, &out);

  EXPECT_EQ(refused.code(), Code::kUnimplemented);
  EXPECT_NE(refused.message().find("ReadFile 'read': needs files of this machine, which this runtime does not offer"),
            std::string_view::npos)
      << refused.to_string();
  ASSERT_TRUE(read.ok()) << read.to_string();
  EXPECT_EQ(out[0].item<std::string>(), "content");
}

TEST_F(Files, FillTables) {
  ASSERT_TRUE(write_file_atomically(path("vocabulary.txt"), "zero\tx\r\none\ty\ntwo\tz").ok());
  Session session(graph_of("name: str[] = \"" + path("vocabulary.txt") + R"("
table = HashTableV2 {key_dtype=str, value_dtype=i64}
init = InitializeTableFromTextFileV2(table, name) {key_index=0, value_index=-1}
query: str[3] = {"two", "zero", "x"}
other: i64[] = -1
found = LookupTableFindV2(table, query, other)
)"),
                  {.files = &disk_files()});
  std::vector<Tensor> out;

  Status status = session.InitializeTables();

  ASSERT_TRUE(status.ok()) << status.to_string();
  ASSERT_TRUE(session.Run({}, {"found"}, &out).ok());
  EXPECT_TRUE(out[0].identical_to(Tensor::from<int64_t>({3}, {2, 0, -1}))) << out[0].to_string();
}

// A frozen graph brings what its tables hold, so that it needs neither the file nor the checkpoint.
TEST_F(Files, OfTablesAreInTheFrozenGraph) {
  ASSERT_TRUE(write_file_atomically(path("words.txt"), "zero\none\ntwo\n").ok());
  Graph graph = graph_of(R"(
name: str[] = "elsewhere.txt"
table = HashTableV2 {key_dtype=i64, value_dtype=str}
init = InitializeTableFromTextFileV2(table, name) {key_index=-1, value_index=-2}
query: i64[?] = Placeholder
none: str[] = "?"
y = LookupTableFindV2(table, query, none)
)");
  FreezeOptions options{.outputs = {"y"}};
  options.tables.files = &disk_files();
  Result<FrozenGraph> missing = freeze(graph, options, no_values());
  options.tables.feeds = {{"name", Tensor::scalar<std::string>(path("words.txt"))}};  // as of an asset

  Result<FrozenGraph> frozen = freeze(graph, options, no_values());

  ASSERT_TRUE(missing.ok()) << missing.status().to_string();
  ASSERT_EQ(missing->warnings.size(), 1u);
  EXPECT_EQ(missing->warnings[0],
            "output 'y' depends on 'table' (HashTableV2), which is not frozen: InitializeTableFromTextFileV2 'init': "
            "cannot open 'elsewhere.txt': No such file or directory");
  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->warnings, std::vector<std::string>());
  EXPECT_EQ(frozen->notes, std::vector<std::string>{"table 'table' has its 3 entries in the graph now; TensorFlow is "
                                                    "to run 'init' first"});
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("init")).op, "InitializeTableV2");
  EXPECT_FALSE(frozen->graph.find_node("name").ok());
  EXPECT_EQ(found_by_engine(*frozen, "y", Tensor::from<int64_t>({2}, {2, 3})), "str[2]{'two', '?'}");
}

// Kept by TensorFlow's Saver, or filled by what is run first; one that the outputs change stays as it is.
TEST_F(Files, OfMutableTablesAreInTheFrozenGraph) {
  Result<Graph> saved = graph_from_text("prefix: str[] = \"" + path("ckpt") + R"("
names: str[2] = {"saved-keys", "saved-values"}
whole: str[2] = {"", ""}
keys: i64[2] = {1, 2}
values: f32[2] = {10, 20}
save = SaveV2(prefix, names, whole, keys, values)
)");
  ASSERT_TRUE(saved.ok() && Session(*saved).Run("save").ok());
  Graph graph = graph_of(R"(
saved = MutableHashTableV2 {key_dtype=i64, value_dtype=f32}
prefix: str[] = "model"
names: str[2] = {"saved-keys", "saved-values"}
whole: str[2] = {"", ""}
read: (i64[?], f32[?]) = RestoreV2(prefix, names, whole) {dtypes=[i64, f32]}
restore = LookupTableImportV2(saved, read, read:1)
first = LookupTableInsertV2(saved, keys, values)
four: i64[1] = {4}
later = LookupTableInsertV2(saved, four, values)
made = MutableHashTable {key_dtype=i64, value_dtype=f32}
keys: i64[1] = {3}
values: f32[1] = {30}
insert = LookupTableInsert(made, keys, values)
changed = MutableHashTableV2 {key_dtype=i64, value_dtype=f32}
put = LookupTableInsertV2(changed, keys, values)
run_first = NoOp(^insert, ^first)
query: i64[?] = Placeholder
none: f32[] = -1
a = LookupTableFindV2(saved, query, none)
b = LookupTableFind(made, query, none)
c = LookupTableFindV2(changed, query, none, ^put)
)");
  FreezeOptions options{.outputs = {"a", "b"}};
  options.tables.initializers = {"run_first", "not_there"};
  options.tables.later_initializers = {"later"};
  options.tables.checkpoint = path("ckpt");

  Result<FrozenGraph> frozen = freeze(graph, options, no_values());
  options.outputs = {"c"};
  Result<FrozenGraph> other = freeze(graph, options, no_values());

  ASSERT_TRUE(frozen.ok()) << frozen.status().to_string();
  EXPECT_EQ(frozen->warnings, std::vector<std::string>());
  EXPECT_EQ(frozen->graph.node(*frozen->graph.find("made")).op, "HashTable");
  Tensor query = Tensor::from<int64_t>({4}, {1, 3, 2, 4});
  EXPECT_EQ(found_by_engine(*frozen, "a", query), "f32[4]{10, -1, 20, 30}");
  EXPECT_EQ(found_by_engine(*frozen, "b", query), "f32[4]{-1, 30, -1, -1}");
  ASSERT_TRUE(other.ok()) << other.status().to_string();
  EXPECT_EQ(other->graph.node(*other->graph.find("changed")).op, "MutableHashTableV2");
  Session session(graph);
  fill_mutable_tables(options.tables, session);
  std::vector<Tensor> out;
  ASSERT_TRUE(session.Run({{"query", query}}, {"a", "b"}, &out).ok());
  EXPECT_EQ(out[0].to_string(), "f32[4]{10, -1, 20, 30}");
  EXPECT_EQ(out[1].to_string(), "f32[4]{-1, 30, -1, -1}");
}

// What TensorFlow's Saver writes into a graph with sharded=True: parts in a folder of their own, then one checkpoint.
TEST_F(Files, OfShardedSavesBecomeOneCheckpoint) {
  Session session(graph_of("prefix: str[] = \"" + path("model.ckpt") + R"("
temp: str[] = "_temp_1/part"
base = StringJoin(prefix, temp)
count: i32[] = 2
shard0: i32[] = 0
shard1: i32[] = 1
name0 = ShardedFilename(base, shard0, count)
name1 = ShardedFilename(base, shard1, count)
a: f32[2] = {1, 2}
b: i64[] = 3
names0: str[1] = {"a"}
names1: str[1] = {"b"}
whole: str[1] = {""}
save0 = SaveV2(name0, names0, whole, a)
save1 = SaveV2(name1, names1, whole, b)
parts = Pack(name0, name1, ^save0, ^save1)
merge = MergeV2Checkpoints(parts, prefix)
)"));

  Status status = session.Run("merge");

  ASSERT_TRUE(status.ok()) << status.to_string();
  Result<CheckpointReader> reader = CheckpointReader::open(path("model.ckpt"));
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  ASSERT_EQ(reader->entries().size(), 2u);
  EXPECT_TRUE(reader->read("a")->identical_to(Tensor::from<float>({2}, {1, 2})));
  EXPECT_EQ(reader->read("b")->item<int64_t>(), 3);
  EXPECT_FALSE(std::filesystem::exists(path("model.ckpt_temp_1"))) << "the parts are gone";
}

// "./c" and "c" are one checkpoint: what was just written is not removed as one of its parts.
TEST_F(Files, OfAPartThatIsTheWholeStay) {
  std::string whole = path("whole.ckpt"), same = path("./whole.ckpt");
  ASSERT_TRUE(write_checkpoint(whole, {{"a", Tensor::scalar<float>(1)}}).ok());
  Session session(graph_of(str_cat("part: str[1] = {\"", same, "\"}\nprefix: str[] = \"", whole,
                                   "\"\nmerge = MergeV2Checkpoints(part, prefix)\n")));

  Status status = session.Run("merge");

  ASSERT_TRUE(status.ok()) << status.to_string();
  Result<CheckpointReader> reader = CheckpointReader::open(whole);
  ASSERT_TRUE(reader.ok()) << reader.status().to_string();
  EXPECT_EQ(reader->read("a")->item<float>(), 1);
}

TEST(Strings, GoThroughTheOpsThatMoveElements) {
  Session session(graph_of(R"(
x: str[?,2] = Placeholder
ends: i32[1] = {-1}
flat = Reshape(x, ends)
axis: i32[] = 0
more: str[2] = {"", "tail"}
joined = ConcatV2(flat, more, axis)
places: i32[3] = {3, 0, 5}
chosen = GatherV2(joined, places, axis)
tail: str[] = "tail"
same = Equal(chosen, tail)
other = NotEqual(chosen, tail)
repeated = Pack(chosen, chosen)
picked = Select(same, chosen, chosen)
begin: i32[1] = {1}
end: i32[1] = {3}
step: i32[1] = {1}
slice = StridedSlice(chosen, begin, end, step)
named = Identity(x)
)"));
  std::vector<Tensor> out;
  Tensor x = Tensor::from<std::string>({2, 2},
                                       {std::string("a\0b", 3), "longer than any string that lies in itself", "", "d"});

  Status status =
      session.Run({{"x", x}}, {"named", "joined", "chosen", "same", "other", "repeated", "picked", "slice"}, &out);

  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(out[0].identical_to(x));
  EXPECT_EQ(out[1].flat<std::string>()[1], x.flat<std::string>()[1]);
  EXPECT_TRUE(out[2].identical_to(words({"d", std::string("a\0b", 3), "tail"}))) << out[2].to_string();
  EXPECT_TRUE(out[3].identical_to(Tensor::from<bool>({3}, {false, false, true})));
  EXPECT_TRUE(out[4].identical_to(Tensor::from<bool>({3}, {true, true, false})));
  EXPECT_EQ(out[5].shape(), (Shape{2, 3}));
  EXPECT_TRUE(out[6].identical_to(out[2]));
  EXPECT_TRUE(out[7].identical_to(words({std::string("a\0b", 3), "tail"})));
}

}  // namespace
}  // namespace tarn
