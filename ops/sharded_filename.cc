// ShardedFilename and ShardedFilespec.
#include <cstdio>

#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Status infer_name(InferContext& c) {
  constexpr std::string_view kNames[] = {"basename", "shard", "num_shards"};
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "basename"));
  for (int i = 1; i < c.input_count(); ++i) {
    TARN_RETURN_IF_ERROR(c.expect_rank(i, 0, c.input_count() == 2 ? "num_shards" : kNames[i]));
  }
  return c.set_output(0, Shape());
}

template <bool kIsSpec>
class NameKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    for (int i = 0; i < c.input_count(); ++i) {
      TARN_RETURN_IF_ERROR(expect_scalar(c.input(i), i == 0 ? "basename" : "shard"));
    }
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    char suffix[64];
    if (kIsSpec) {
      std::snprintf(suffix, sizeof(suffix), "-?\?\?\?\?-of-%05d", c.input(1).item<int32_t>());
    } else {
      std::snprintf(suffix, sizeof(suffix), "-%05d-of-%05d", c.input(1).item<int32_t>(), c.input(2).item<int32_t>());
    }
    *y.as<std::string>() = *c.input(0).as<std::string>() + suffix;
    return {};
  }
};

constexpr KernelDef kKernels[] = {portable_kernel<NameKernel<false>>()};
constexpr KernelDef kSpecKernels[] = {portable_kernel<NameKernel<true>>()};

constexpr std::string_view kDoc = R"(The name of one file of several: "base-00001-of-00003".
  basename  string   shard, num_shards  int32   returns  string, a scalar.   Source: TensorFlow io_ops.)";
constexpr std::string_view kSpecDoc = R"(A pattern for the names of several files: "base-?????-of-00003".
  basename  string   num_shards  int32   returns  string, a scalar.   Source: TensorFlow io_ops ShardedFilespec.)";

}  // namespace

extern const OpDef op_ShardedFilename, op_ShardedFilespec;
const OpDef op_ShardedFilename = {
    .name = "ShardedFilename",
    .inputs = "basename: string, shard: int32, num_shards: int32",
    .outputs = "filename: string",
    .infer = infer_name,
    .kernels = kKernels,
};
const OpDef op_ShardedFilespec = {
    .name = "ShardedFilespec",
    .inputs = "basename: string, num_shards: int32",
    .outputs = "filename: string",
    .infer = infer_name,
    .kernels = kSpecKernels,
};

TARN_OP_FILE(sharded_filename, {&op_ShardedFilename, kDoc, nullptr, "strings have no gradient"},
             {&op_ShardedFilespec, kSpecDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
