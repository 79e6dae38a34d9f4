// What required_ops() names is what an engine needs: one with these ops and kernels alone loads the model.
#include "runtime/required_ops.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <filesystem>

#include "core/file.h"
#include "runtime/engine.h"
#include "runtime/wire.h"
#include "tests/support/models.h"
#include "tests/support/sanitized.h"

namespace tarn {
namespace {

Result<RequiredOps> required_of(std::string_view bytes, const RequiredOpsOptions& options = {}) {
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<WireGraph> graph, WireGraph::parse(bytes, nullptr, "model.pb"));
  return required_ops(*graph, linked_ops(), options);
}

std::string list_of(std::string_view text, const RequiredOpsOptions& options = {}) {
  std::string bytes = testing::model_bytes(text);
  Result<RequiredOps> required = required_of(bytes, options);
  return required.ok() ? list_text(*required) : required.status().to_string();
}

// The table of a build with -DTARN_OPS_FROM, without the op `left_out`.
class LeanTable {
 public:
  explicit LeanTable(const RequiredOps& required, std::string_view left_out = "") {
    for (const RequiredOp& op : required.ops()) {
      const OpRegistry::Op& full = *linked_ops().find(op.op);
      if (op.op == left_out) continue;
      std::vector<KernelDef>& kernels = kernels_.emplace_back();
      for (const KernelDef& kernel : full.def->kernels) {
        bool is_any = kernel.dtype == DType::kInvalid;
        const std::vector<DType> none;
        const std::vector<DType>& types = op.types.empty() ? none : op.types[0].dtypes;
        if (is_any || std::find(types.begin(), types.end(), kernel.dtype) != types.end()) kernels.push_back(kernel);
      }
      OpDef& def = defs_.emplace_back(*full.def);
      def.kernels = kernels;
    }
    for (const OpDef& def : defs_) pointers_.push_back(&def);
    registry_.emplace(std::span<const OpDef* const>(pointers_));
  }
  const OpRegistry& registry() const { return *registry_; }

 private:
  std::deque<std::vector<KernelDef>> kernels_;
  std::deque<OpDef> defs_;
  std::vector<const OpDef*> pointers_;
  std::optional<OpRegistry> registry_;
};

Status load(std::string_view bytes, const OpRegistry& ops) {
  EngineOptions options;
  options.ops = &ops;
  return Engine::load_bytes(bytes, nullptr, "model.pb", options).status();
}

TEST(RequiredOps, NamesOpsWithTheTypesOfTheirAttrs) {
  constexpr std::string_view kText =
      "x: u8[2,3] = Placeholder\nf: f32[2,3] = Cast(x) {DstT=f32}\naxes: i64[1] = {1}\nm: f32[2] = Mean(f, axes)\n"
      "i: i32[2] = Cast(m) {DstT=i32}\ny: i32[2] = Add(i, i)\n";

  EXPECT_EQ(list_of(kText),
            "Add T=int32\nCast SrcT=float,uint8 DstT=float,int32\nConst dtype=int64\nMean T=float Tidx=int64\n"
            "Placeholder dtype=uint8\n");
}

TEST(RequiredOps, LeavesOutWhatTheOutputsDoNotNeed) {
  constexpr std::string_view kText =
      "x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\nz: f32[2] = Tanh(y)\nw: f32[2] = Sigmoid(x)\n";

  EXPECT_EQ(list_of(kText, {.outputs = {"y"}}), "Placeholder dtype=float\nRelu T=float\n");
  EXPECT_EQ(list_of(kText, {.inputs = {"y"}, .outputs = {"z"}}), "Relu T=float\nTanh T=float\n");
}

TEST(RequiredOps, SaysWhichNameIsNotThere) {
  EXPECT_NE(list_of("x: f32[2] = Placeholder\nlogits: f32[2] = Relu(x)\n", {.outputs = {"logit"}}).find("'logits'"),
            std::string::npos);
}

TEST(RequiredOps, AddUpOverModels) {
  RequiredOps both;
  for (std::string_view text : {"x: f32[2] = Placeholder\ny: f32[2] = Relu(x)\n",
                                "x: i32[2] = Placeholder\ny: i32[2] = Relu(x)\nz: i32[2] = Neg(y)\n"}) {
    std::string bytes = testing::model_bytes(text);
    Result<RequiredOps> required = required_of(bytes);
    ASSERT_TRUE(required.ok()) << required.status().to_string();
    both.add(*required);
  }

  EXPECT_EQ(list_text(both), "Neg T=int32\nPlaceholder dtype=float,int32\nRelu T=float,int32\n");
  EXPECT_EQ(both.ops()[2].nodes, 2);
}

TEST(RequiredOps, SayWhetherChannelsComeFirst) {
  constexpr std::string_view kHead = "x: f32[1,4,8,8] = Placeholder\n";
  constexpr std::string_view kOps = "MaxPool T=float\nPlaceholder dtype=float\n";

  EXPECT_EQ(list_of(str_cat(kHead,
                            "y: f32[1,4,4,4] = MaxPool(x) {ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2], "
                            "padding=\"VALID\", data_format=\"NCHW\"}\n")),
            str_cat("@channels_first\n", kOps));
  EXPECT_EQ(list_of(str_cat(kHead,
                            "y: f32[1,2,4,8] = MaxPool(x) {ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], "
                            "padding=\"VALID\"}\n")),
            kOps);
}

TEST(RequiredOps, AreEachNeeded) {
  std::string bytes = testing::frozen_convnet_bytes({}, 7);
  Result<RequiredOps> required = required_of(bytes);
  ASSERT_TRUE(required.ok()) << required.status().to_string();

  Status all = load(bytes, LeanTable(*required).registry());
  EXPECT_TRUE(all.ok()) << all.to_string();
  for (const RequiredOp& op : required->ops()) {
    if (op.op == "Placeholder") continue;  // what is fed needs no op; its type shows by who takes it
    Status status = load(bytes, LeanTable(*required, op.op).registry());
    EXPECT_NE(status.message().find(tarn::quoted(op.op)), std::string::npos) << op.op << ": " << status.to_string();
  }
}

// Every model and op graph there is, control flow and functions among them.
TEST(RequiredOps, SufficeForRealModels) {
  const char* data = std::getenv("TARN_DATA");
  if (data == nullptr) GTEST_SKIP() << "TARN_DATA is not set: no real models here";
  int loaded = 0, refused = 0, found = 0;
  for (const char* folder : {"models", "opsuite"}) {
    for (const auto& entry : std::filesystem::directory_iterator(path_join(data, folder))) {
      std::string path = path_join(entry.path().string(), "graph.pb");
      if (!std::filesystem::exists(path)) continue;
      if (testing::kSanitized && found++ % 8 != 0) continue;
      Result<MappedFile> file = map_file(path);
      ASSERT_TRUE(file.ok()) << file.status().to_string();
      Status full = load(file->bytes(), linked_ops());
      if (!full.ok()) {  // variables, files, ops of TensorFlow's that are not here
        ++refused;
        continue;
      }
      Result<RequiredOps> required = required_of(file->bytes());
      ASSERT_TRUE(required.ok()) << path << ": " << required.status().to_string();
      Status lean = load(file->bytes(), LeanTable(*required).registry());
      EXPECT_TRUE(lean.ok()) << path << ": " << lean.to_string();
      ++loaded;
    }
  }
  EXPECT_GT(loaded, 2 * refused);
}

}  // namespace
}  // namespace tarn
