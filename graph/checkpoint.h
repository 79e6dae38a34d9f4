// Checkpoints. Written in TensorFlow's V2 format: <prefix>.index (names, shapes, checksums) and its data files
// <prefix>.data-00000-of-00001; read in that and in V1's, a single file, or <prefix>-00000-of-00002 and its siblings.
//
//   TARN_RETURN_IF_ERROR(write_checkpoint("dir/model.ckpt-7", {{"w", w}, {"b", b}}));
//
//   TARN_ASSIGN_OR_RETURN(CheckpointReader reader, CheckpointReader::open("dir/model.ckpt-7"));
//   for (const CheckpointEntry& entry : reader.entries()) …      // name, dtype, shape
//   TARN_ASSIGN_OR_RETURN(Tensor w, reader.read("w"));
//
// A save that is killed or fails at any point leaves the checkpoint that was there, whole; one that succeeded survives
// a power cut. The saver's graph (.meta) and the "checkpoint" state file are not written here
// (graph/checkpoint_state.h).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "graph/tensor_slice.h"

namespace tarn {

struct CheckpointEntry {
  std::string name;
  DType dtype = DType::kInvalid;
  Shape shape;
  std::vector<TensorSlice> slices;  // of a partitioned tensor; empty: stored whole
};

enum class TensorMemory {
  kOwn,     // a copy of what the file has
  kMapped,  // the file's own bytes where they lie, for who reads them once and soon: see MappedFile on what may happen
};

// Opening checks the index completely (every byte, every size against the data files); reading checks the tensor's
// checksum. A V1 checkpoint is read and checked whole when it is opened. Errors name file, tensor, offset, what is
// stored and what was expected. Thread-safe; cheap to copy.
class CheckpointReader {
 public:
  // A prefix, or a V1 file; for whatever else people call their checkpoints see find_checkpoint() in
  // graph/variable_values.h.
  static Result<CheckpointReader> open(const std::string& prefix, TensorMemory memory = TensorMemory::kOwn);

  const std::string& prefix() const;
  int version() const;  // of the format: 1 or 2
  // Sorted by name.
  const std::vector<CheckpointEntry>& entries() const;
  const CheckpointEntry* find(std::string_view name) const;
  // The same by the name that a variable had in its graph, which in an object-based checkpoint (TensorFlow 2) is not
  // the tensor's.
  const CheckpointEntry* find_variable(std::string_view name) const;
  // Every name that find_variable() takes.
  std::vector<std::string> variable_names() const;
  // NotFound, with the nearest names, if there is no such tensor. The parts of a partitioned tensor are put together.
  Result<Tensor> read(std::string_view name) const;
  // Part of a tensor whose full shape must be the spec's.
  Result<Tensor> read_slice(std::string_view name, const TensorSlice::Spec& spec) const;
  // Bytes of the data files that belong to no tensor, so that no checksum covers them.
  uint64_t unused_data_bytes() const;

 private:
  struct Rep;
  explicit CheckpointReader(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

// Writes tensors as they come (TensorFlow adds them sorted by name); finish() makes the checkpoint, and until then, or
// on an error, nothing changes. Removes what killed saves left in the directory. Two writers of one prefix, in any
// processes, leave the checkpoint of one or the other. Thread-compatible.
class CheckpointWriter {
 public:
  static Result<CheckpointWriter> create(const std::string& prefix);
  CheckpointWriter(CheckpointWriter&&) noexcept;
  CheckpointWriter& operator=(CheckpointWriter&&) noexcept;
  ~CheckpointWriter();

  Status add(std::string_view name, const Tensor& tensor);
  // One part of a partitioned tensor; the parts must be added all, one after the other or not.
  Status add_slice(std::string_view name, const TensorSlice::Spec& spec, const Tensor& part);
  Status finish();

 private:
  struct Rep;
  explicit CheckpointWriter(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// Removes what killed saves left in `dir`: temporary files, and data files whose index never came. create() does it.
Status sweep_killed_saves(const std::string& dir);
// After a killed save over `prefix`: the old checkpoint or the new one, whichever is there, under its usual names
// alone.
Status settle_checkpoint(const std::string& prefix);

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
// Sorts by name and writes.
Status write_checkpoint(const std::string& prefix, std::vector<NamedTensor> tensors);

// "p", 0, 1 -> "p.data-00000-of-00001"; "p" -> "p.index".
std::string checkpoint_data_path(std::string_view prefix, int shard, int shard_count);
std::string checkpoint_index_path(std::string_view prefix);

}  // namespace tarn
