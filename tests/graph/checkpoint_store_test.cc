#include "graph/checkpoint_store.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "tests/support/checkpoints.h"
#include "tests/support/file_faults.h"
#include "tests/support/tensors.h"

namespace tarn {
namespace {

TEST(CheckpointStore, RestoresWhatItSavedWholeAndInParts) {
  TempDir dir;
  std::unique_ptr<CheckpointStore> store = make_checkpoint_store();
  Tensor w = random_tensor(DType::kFloat, Shape{4, 3}, 1), b = Tensor::scalar<int64_t>(7);
  Tensor top = *copy_slice(w, TensorSlice::parse("4 3 0,1:-")->slice);
  Tensor rest = *copy_slice(w, TensorSlice::parse("4 3 1,3:-")->slice);
  std::vector<CheckpointStore::Entry> entries = {{"w", "4 3 0,1:-", &top}, {"w", "4 3 1,3:-", &rest}, {"b", "", &b}};
  ASSERT_TRUE(store->save(dir.file("c"), entries).ok());
  EXPECT_TRUE(store->restore(dir.file("c"), "w", "")->identical_to(w));
  EXPECT_TRUE(store->restore(dir.file("c"), "w", "4 3 1,3:-")->identical_to(rest));
  EXPECT_TRUE(store->restore(dir.file("c"), "b", "")->identical_to(b));
  EXPECT_EQ(store->restore(dir.file("c"), "c", "").status().code(), Code::kNotFound);
  EXPECT_SAYS(store->restore(dir.file("c"), "w", "4 3").status(), {"shape and slice '4 3'"});
}

TEST(CheckpointStore, SeesThatACheckpointWasReplacedOrRemoved) {
  TempDir dir;
  std::unique_ptr<CheckpointStore> store = make_checkpoint_store();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(write_checkpoint(dir.file("c"), {{"w", Tensor::scalar<int32_t>(i)}}).ok());
    EXPECT_EQ(store->restore(dir.file("c"), "w", "")->item<int32_t>(), i);
  }
  ASSERT_TRUE(remove_file(dir.file("c.index")).ok());
  EXPECT_EQ(store->restore(dir.file("c"), "w", "").status().code(), Code::kNotFound);
}

TEST(CheckpointStore, AMissingCheckpointIsNamedWithItsNeighbours) {
  TempDir dir;
  ASSERT_TRUE(write_checkpoint(dir.file("model.ckpt-70"), {{"w", Tensor::scalar<int32_t>(1)}}).ok());
  std::unique_ptr<CheckpointStore> store = make_checkpoint_store();
  EXPECT_SAYS(store->restore(dir.file("model.ckpt-7"), "w", "").status(),
              {dir.file("model.ckpt-7.index"), "No such file", "did you mean 'model.ckpt-70'"});
  // What a table ends with: 40 bytes about its index, and LevelDB's magic number.
  const std::string table = std::string(40, '\0') + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  ASSERT_TRUE(write_file_atomically(dir.file("old.ckpt"), table).ok());
  EXPECT_SAYS(store->restore(dir.file("old.ckpt"), "w", "").status(),
              {dir.file("old.ckpt"), "the index block at byte 0 with 0 bytes does not fit into 48 bytes of file"});
  ASSERT_TRUE(write_file_atomically(dir.file("notes"), "x").ok());
  EXPECT_SAYS(store->restore(dir.file("notes"), "w", "").status(),
              {dir.file("notes"), "no checkpoint but a text file"});
}

}  // namespace
}  // namespace tarn
