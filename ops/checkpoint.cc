// SaveV2, RestoreV2 and MergeV2Checkpoints: tensors to a checkpoint and back, through the session's CheckpointStore.
#include "core/op.h"
#include "ops/support/array.h"

namespace tarn {
namespace {

// prefix a scalar, tensor_names and shape_and_slices vectors of one element a tensor.
Status judge_names(const Shape& prefix, const Shape& names, const Shape& slices, int tensors) {
  if (!prefix.is_compatible_with(Shape())) {
    return invalid_argument("input 'prefix' must be a scalar, has shape ", prefix.to_string());
  }
  if (!names.is_compatible_with(Shape{tensors})) {
    return invalid_argument("input 'tensor_names' must name ", tensors, " tensors, has shape ", names.to_string());
  }
  if (!slices.is_compatible_with(Shape{tensors})) {
    return invalid_argument("input 'shape_and_slices' must have ", tensors, " elements, has shape ",
                            slices.to_string());
  }
  return {};
}

Status infer_save(InferContext& c) {
  return judge_names(c.shape(0), c.shape(1), c.shape(2), c.input_count() - 3);
}

Status infer_restore(InferContext& c) {
  return judge_names(c.shape(0), c.shape(1), c.shape(2), c.output_count());
}

Result<CheckpointStore*> store_of(const RunContext& c) {
  auto* store = c.services().get<CheckpointStore>();
  if (store == nullptr) return failed_precondition("there is no access to checkpoint files");
  return store;
}

class SaveKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    int count = c.input_count() - 3;
    TARN_RETURN_IF_ERROR(judge_names(*c.input(0).shape, *c.input(1).shape, *c.input(2).shape, count));
    TARN_ASSIGN_OR_RETURN(CheckpointStore * store, store_of(c));
    std::vector<Tensor> tensors;
    std::vector<CheckpointStore::Entry> entries;
    tensors.reserve(static_cast<size_t>(count));  // entries point into it
    for (int i = 0; i < count; ++i) {
      const TensorView& x = c.input(3 + i);
      tensors.push_back(Tensor::view(x.dtype, *x.shape, x.data, nullptr));
      entries.push_back({c.input(1).as<std::string>()[i], c.input(2).as<std::string>()[i], &tensors.back()});
    }
    return store->save(c.input(0).item<std::string>(), entries);
  }
};

class RestoreKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    dtypes_ = c.attr<std::vector<DType>>("dtypes");
    return {};
  }
  Status run(RunContext& c) const override {
    int count = static_cast<int>(dtypes_.size());
    TARN_RETURN_IF_ERROR(judge_names(*c.input(0).shape, *c.input(1).shape, *c.input(2).shape, count));
    TARN_ASSIGN_OR_RETURN(CheckpointStore * store, store_of(c));
    Problems problems;  // all that is missing or wrong, at once
    for (int i = 0; i < count; ++i) {
      const std::string& name = c.input(1).as<std::string>()[i];
      Result<Tensor> tensor = store->restore(c.input(0).item<std::string>(), name, c.input(2).as<std::string>()[i]);
      DType wanted = dtypes_[static_cast<size_t>(i)];
      if (!tensor.ok()) {
        problems.add(tensor.status());
      } else if (tensor->dtype() != wanted) {
        problems.add(invalid_argument("tensor ", quoted(name), " is ", dtype_name(tensor->dtype()),
                                      " in the checkpoint, expected ", dtype_name(wanted)));
      } else {
        c.set_output(i, *std::move(tensor));
      }
    }
    return problems.to_status("");
  }

 private:
  std::vector<DType> dtypes_;
};

Status infer_merge(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 1, "checkpoint_prefixes"));
  return c.expect_rank(1, 0, "destination_prefix");
}

class MergeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    delete_old_ = c.attr<bool>("delete_old_dirs");
    if (!c.attrs().get_or<bool>("allow_missing_files", false)) return {};
    return unimplemented("attr 'allow_missing_files': every part must be there");
  }
  Status run(RunContext& c) const override {
    if (c.input(0).shape->rank() != 1 || c.input(1).shape->rank() != 0) {
      return invalid_argument("expected a vector of prefixes and a scalar, got ", c.input(0).shape->to_string(),
                              " and ", c.input(1).shape->to_string());
    }
    TARN_ASSIGN_OR_RETURN(CheckpointStore * store, store_of(c));
    return store->merge(c.input(0).flat<std::string>(), c.input(1).item<std::string>(), delete_old_);
  }

 private:
  bool delete_old_ = true;
};

constexpr KernelDef kMergeKernels[] = {portable_kernel<MergeKernel>()};
constexpr KernelDef kSaveKernels[] = {portable_kernel<SaveKernel>()};
constexpr KernelDef kRestoreKernels[] = {portable_kernel<RestoreKernel>()};

constexpr std::string_view kSaveDoc = R"(Writes tensors to a checkpoint of TensorFlow's V2 format.
  prefix  string, a scalar: the files' common name   tensor_names  string[n]
  shape_and_slices  string[n]: empty, or which part of a larger tensor it is   tensors  n tensors
  Source: TensorFlow io_ops SaveV2.)";
constexpr std::string_view kRestoreDoc = R"(Reads tensors from a checkpoint of TensorFlow's V2 format.
  prefix  string, a scalar   tensor_names  string[n]   shape_and_slices  string[n]   returns  n tensors of the dtypes
  Errors: every missing tensor and every other dtype at once, by name.   Source: TensorFlow io_ops RestoreV2.)";

constexpr std::string_view kMergeDoc = R"(Makes one checkpoint of several: what a Saver's shards end in.
  checkpoint_prefixes  string[n]   destination_prefix  string
  delete_old_dirs removes the parts, and their folders if nothing else is in them.
  Source: TensorFlow io_ops MergeV2Checkpoints.)";

}  // namespace

extern const OpDef op_SaveV2, op_RestoreV2, op_MergeV2Checkpoints;
const OpDef op_MergeV2Checkpoints = {
    .name = "MergeV2Checkpoints",
    .inputs = "checkpoint_prefixes: string, destination_prefix: string",
    .attrs = "delete_old_dirs: bool = true; allow_missing_files: bool = false",
    .traits = kStateful,
    .infer = infer_merge,
    .kernels = kMergeKernels,
    .needs = ServiceId::kCheckpoints,
};
const OpDef op_SaveV2 = {
    .name = "SaveV2",
    .inputs = "prefix: string, tensor_names: string, shape_and_slices: string, tensors: dtypes",
    .attrs = "dtypes: list(type) >= 1",
    .traits = kStateful,
    .infer = infer_save,
    .kernels = kSaveKernels,
    .needs = ServiceId::kCheckpoints,
};
const OpDef op_RestoreV2 = {
    .name = "RestoreV2",
    .inputs = "prefix: string, tensor_names: string, shape_and_slices: string",
    .outputs = "tensors: dtypes",
    .attrs = "dtypes: list(type) >= 1",
    .traits = kStateful,
    .infer = infer_restore,
    .kernels = kRestoreKernels,
    .needs = ServiceId::kCheckpoints,
};

TARN_OP_FILE(checkpoint, {&op_MergeV2Checkpoints, kMergeDoc, nullptr, "it has no outputs"},
             {&op_SaveV2, kSaveDoc, nullptr, "it has no outputs"},
             {&op_RestoreV2, kRestoreDoc, nullptr, "what is in a file depends on nothing"})

}  // namespace tarn
