// Call: one oneDNN primitive between tensors as ops have them. Made once in prepare(); where the primitive wants
// another layout than the tensor's, run() reorders on the way in or out, so a kernel says only what it computes.
//
//   Call call;
//   dnnl_matmul_desc_t desc;
//   dnnl_matmul_desc_init(&desc, &a, &b, nullptr, &c);                       // C API: nothing throws
//   TARN_RETURN_IF_ERROR(call.create(&desc, context.threads()));
//   TARN_RETURN_IF_ERROR(call.bind(DNNL_ARG_SRC, a, Call::kIn)); …
//   context.request_scratch(call.scratch_bytes());
//   … in run():  call.run(threads, {{x, w, y}}, scratch)                     // pointers in the order of the binds
//
// create() declines (Unimplemented) what oneDNN has plain reference code for. Thread-safe once it is bound: each run
// takes a set of oneDNN's memory objects of its own. OpenMP gets the threads of the run, and its setting back after it.
#pragma once

#include <dnnl.h>

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/kernel.h"

namespace tarn::dnnl {

// Descriptors of floats. oneDNN names dims [N, C, H, W] and [O, I, H, W] whatever lies behind.
dnnl_memory_desc_t row_major(std::initializer_list<int64_t> dims);
dnnl_memory_desc_t column_major(int64_t rows, int64_t columns);
dnnl_memory_desc_t image_nhwc(int64_t batch, int64_t height, int64_t width, int64_t channels);
dnnl_memory_desc_t filter_hwio(int64_t height, int64_t width, int64_t in, int64_t out);
// The same dims in the layout that the primitive likes best.
dnnl_memory_desc_t any_layout(dnnl_memory_desc_t desc);

// Unimplemented, with the reason: the next backend's kernel is taken.
Status decline(std::string_view why);

class Call {
 public:
  enum Direction { kIn, kOut };

  Call();
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // `hint`: the forward primitive that a backward one belongs to.
  Status create(const_dnnl_op_desc_t desc, int threads, Activation activation = Activation::kNone,
                const Call* hint = nullptr);
  // The tensor of argument `arg` (DNNL_ARG_…) lies in `plain`.
  Status bind(int arg, const dnnl_memory_desc_t& plain, Direction direction);
  // Memory that this call hands to another as it is: a workspace. bind() both with it.
  const dnnl_memory_desc_t& wanted(int arg) const;

  size_t scratch_bytes() const { return scratch_bytes_; }
  Status run(int threads, std::span<void* const> data, void* scratch) const;

 private:
  struct Binding;
  struct Arguments;
  struct State;
  Result<std::unique_ptr<Arguments>> take_arguments() const;

  std::unique_ptr<State> state_;
  size_t scratch_bytes_ = 0;
};

// Bytes, rounded so that the next thing in a scratch is aligned.
size_t aligned_bytes(size_t bytes);
size_t bytes_of(const dnnl_memory_desc_t& desc);

}  // namespace tarn::dnnl
