#include <gtest/gtest.h>

#include <map>

#include "tests/ops/harness.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(SaveV2, "needs a CheckpointStore");
TARN_OP_WITHOUT_CASES(RestoreV2, "needs a CheckpointStore");

// A checkpoint in memory.
class MemoryStore : public CheckpointStore {
 public:
  Status save(std::string_view prefix, std::span<const Entry> entries) override {
    for (const Entry& entry : entries)
      saved[str_cat(prefix, "|", entry.name, "|", entry.slice)] = copy_of(*entry.tensor);
    return {};
  }
  Result<Tensor> restore(std::string_view prefix, std::string_view name, std::string_view slice) override {
    auto it = saved.find(str_cat(prefix, "|", name, "|", slice));
    if (it == saved.end()) return not_found("tensor ", quoted(name), " is not in the checkpoint ", quoted(prefix));
    return it->second;
  }
  std::map<std::string, Tensor> saved;
};

Tensor strings(std::initializer_list<std::string> values) {
  return Tensor::from<std::string>({static_cast<int64_t>(values.size())}, values);
}

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() { services_.set<CheckpointStore>(&store_); }
  Result<Tensors> save(const Tensors& tensors, const Tensor& names, const Tensor& slices) {
    Tensors inputs = {Tensor::scalar(std::string("model.ckpt")), names, slices};
    inputs.insert(inputs.end(), tensors.begin(), tensors.end());
    return evaluate_op(op_table(), "SaveV2", {}, inputs, {.services = &services_});
  }
  Result<Tensors> restore(const Tensor& names, const Tensor& slices, std::vector<DType> dtypes) {
    Tensors inputs = {Tensor::scalar(std::string("model.ckpt")), names, slices};
    return evaluate_op(op_table(), "RestoreV2", {{"dtypes", dtypes}}, inputs, {.services = &services_});
  }
  MemoryStore store_;
  Services services_;
};

TEST_F(Checkpoint, BringsBackWhatWasSaved) {
  Tensor a = iota({2, 3}), b = ints({2}, {4, 5}), c = strings({"x", ""});
  ASSERT_TRUE(save({a, b, c}, strings({"a", "b", "c"}), strings({"", "4 0,2", ""})).ok());

  Result<Tensors> back =
      restore(strings({"c", "b", "a"}), strings({"", "4 0,2", ""}), {DType::kString, DType::kInt32, DType::kDouble});

  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_TRUE((*back)[0].identical_to(c));
  EXPECT_TRUE((*back)[1].identical_to(b));
  EXPECT_TRUE((*back)[2].identical_to(a));
}

TEST_F(Checkpoint, NamesAllThatIsMissingOrOfAnotherTypeAtOnce) {
  ASSERT_TRUE(save({iota({2})}, strings({"a"}), strings({""})).ok());

  Status status =
      restore(strings({"a", "b", "c"}), strings({"", "", ""}), {DType::kFloat, DType::kFloat, DType::kFloat}).status();

  for (const char* text :
       {"tensor 'a' is double in the checkpoint, expected float", "tensor 'b' is not", "tensor 'c' is not"}) {
    EXPECT_NE(status.message().find(text), std::string_view::npos) << text << " in " << status.message();
  }
}

TEST_F(Checkpoint, RefusesNamesThatDoNotMatchTheTensors) {
  EXPECT_EQ(save({iota({2})}, strings({"a", "b"}), strings({"", ""})).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(save({iota({2})}, strings({"a"}), strings({})).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(restore(strings({"a", "b"}), strings({"", ""}), {DType::kFloat}).status().code(), Code::kInvalidArgument);
}

TEST_F(Checkpoint, NeedsAStore) {
  services_ = Services();

  EXPECT_EQ(save({iota({2})}, strings({"a"}), strings({""})).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace tarn::testing
