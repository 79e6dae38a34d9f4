// Kernel: one op at one dtype and backend, ready to run. prepare() judges shapes and attrs once; run() trusts them.
//
//   class ReluKernel : public Kernel {
//     Status prepare(PrepareContext& c) override { c.may_reuse(0, 0); return {}; }
//     Status run(RunContext& c) const override {
//       TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
//       …
//     }
//   };
//   constexpr KernelDef kReluKernels[] = {portable_kernel<ReluKernel>(DType::kFloat)};
//
// A kernel is const while it runs: several threads may run one program. State that outlives a run is a Resource.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "core/attr.h"
#include "core/fact.h"
#include "core/laid_out.h"
#include "core/layer_ways.h"
#include "core/linked_types.h"
#include "core/packed_memory.h"
#include "core/resource.h"
#include "core/services.h"
#include "core/status.h"
#include "core/thread_pool.h"

namespace tarn {

enum class Backend : uint8_t { kPortable, kDnnl };
enum class Activation : uint8_t { kNone, kRelu, kRelu6 };

// What the compiler fused behind a kTakesEpilogue op: y = activation(op(inputs) + bias + residual). The bias, if any,
// is the input after the op's own; then comes the residual, if any (kTakesResidual), whose shape is the output's.
struct FusedEpilogue {
  bool has_bias = false;
  bool has_residual = false;
  Activation activation = Activation::kNone;
};

// A tensor as a kernel sees it while it runs; owns nothing.
struct TensorView {
  DType dtype = DType::kInvalid;
  const Shape* shape = nullptr;
  void* data = nullptr;
  int64_t count = 0;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  template <class T>
  std::span<T> flat() const {
    return {static_cast<T*>(data), static_cast<size_t>(count)};
  }
  template <class T>
  T item() const {
    return *static_cast<const T*>(data);
  }
};

// Where constants lie. What a kernel has laid out anew need not stay in memory if a file backs it.
class ConstantMemory {
 public:
  virtual ~ConstantMemory() = default;
  // These bytes have been read, and may not be for a while.
  virtual void let_go(const void* /*data*/, size_t /*bytes*/) const {}
};

// A convolution may be computed by a transform (Winograd, Cook-Toom) if that moves no output by more than this part of
// the range of its outputs.
inline constexpr double kMaxLayerError = 1e-5;

// What kernels are made for, beside their node.
struct KernelSettings {
  int threads = 1;
  const ConstantMemory* memory = nullptr;
  double max_layer_error = kMaxLayerError;
  LaidOutConstants* laid_out = nullptr;
  const LayerWays* ways = nullptr;
};

class PrepareContext {
 public:
  struct Request {  // what prepare() asks for
    size_t scratch_bytes = 0;
    std::vector<std::pair<int, int>> reuse;  // (input, output) pairs that may share memory
  };
  PrepareContext(std::string_view op, std::string_view node, const AttrMap& attrs, std::span<const Fact> inputs,
                 std::span<const Fact> outputs, FusedEpilogue epilogue, const KernelSettings& settings)
      : op_(op),
        node_(node),
        attrs_(attrs),
        inputs_(inputs),
        outputs_(outputs),
        epilogue_(epilogue),
        settings_(settings) {}

  std::string_view op_name() const { return op_; }
  std::string_view node_name() const { return node_; }
  const AttrMap& attrs() const { return attrs_; }
  template <class T>
  const T& attr(std::string_view name) const {
    return attrs_.get<T>(name);
  }
  template <class T, size_t N>
  [[gnu::always_inline]] const T& attr(const char (&name)[N]) const {
    return attrs_.get<T>(name);
  }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return static_cast<int>(outputs_.size()); }
  // Facts: shapes are known unless something data-dependent comes before; has_value() for constants, whose memory then
  // stays the same for every run (so weights may be packed here).
  const Fact& input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  const Fact& output(int i) const { return outputs_[static_cast<size_t>(i)]; }
  const FusedEpilogue& epilogue() const { return epilogue_; }
  const KernelSettings& settings() const { return settings_; }
  int threads() const { return settings_.threads; }

  // Reserves scratch memory for run(); the largest request counts.
  void request_scratch(size_t bytes) { request_.scratch_bytes = std::max(request_.scratch_bytes, bytes); }
  // Output may be written over input where nobody else needs it (same size; each element read before it is written).
  void may_reuse(int input, int output) { request_.reuse.emplace_back(input, output); }
  const Request& request() const { return request_; }
  // Of a constant input as soon as a part of it is read for good, so that huge weights are never there twice.
  void let_go(const void* data, size_t bytes) const {
    if (settings_.memory != nullptr) settings_.memory->let_go(data, bytes);
  }
  // `bytes` that make(to) writes of a constant input, aligned to 64; or the same bytes from where they were made before
  // (core/laid_out.h). They live as long as the program, or in `memory`.
  template <class Make>
  Result<const void*> lay_out(int input, std::string_view layout, size_t bytes, std::shared_ptr<void>& memory,
                              const Make& make) const {
    const LaidOutKey key{.node = node_, .input = input, .layout = layout, .bytes = bytes};
    if (const void* ready = find_laid_out(key)) return ready;
    TARN_ASSIGN_OR_RETURN(memory, packed_memory(bytes));
    // It may be written into a file: no byte of it is left as it was.
    if (settings_.laid_out != nullptr) std::memset(memory.get(), 0, bytes);
    make(memory.get());
    if (settings_.laid_out != nullptr) settings_.laid_out->made(key, constant(input), memory.get());
    return memory.get();
  }

 private:
  std::string_view op_, node_;
  const AttrMap& attrs_;
  std::string_view constant(int i) const {
    const Tensor& value = input(i).value;
    return {static_cast<const char*>(value.data()), value.byte_size()};
  }
  const void* find_laid_out(const LaidOutKey& key) const {
    return settings_.laid_out == nullptr ? nullptr : settings_.laid_out->find(key, constant(key.input));
  }

  std::span<const Fact> inputs_, outputs_;
  FusedEpilogue epilogue_;
  const KernelSettings& settings_;
  Request request_;
};

// Implemented by the executor.
class RunContext {
 public:
  virtual ~RunContext() = default;

  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return output_count_; }
  // Of a reference or a handle on a variable: the variable's value.
  const TensorView& input(int i) const { return inputs_[static_cast<size_t>(i)]; }
  // The variable that input i refers to; never null for a Ref input or one that a kTakesVariable op has as a resource.
  virtual Variable* variable(int i) = 0;
  // Memory for output i: the planned place, or memory of the context's pool where the shape depends on data. The
  // elements are not initialised (strings are constructed).
  virtual Result<TensorView> output(int i, const Shape& shape) = 0;
  // Makes output i the same tensor as input j under another shape (kView ops with data-dependent shapes).
  virtual Status forward(int input, int output, const Shape& shape) = 0;
  // Output i refers to this variable.
  virtual void set_variable(int output, Variable* variable) = 0;
  // What input i is a handle on: a TensorArray, a stack, a list. Null if it is no handle, or one on a variable.
  virtual Resource* resource(int) { return nullptr; }
  // Output i is a handle on `resource`, which lives as long as a handle on it. Of a string handle, output() comes
  // first.
  virtual void set_resource(int, std::shared_ptr<Resource>) {}  // NOLINT(performance-unnecessary-value-param): kept
  // What output i was a handle on in the last run if no handle is left: used again, a run allocates nothing. Else null.
  virtual std::shared_ptr<Resource> take_resource(int) { return nullptr; }
  // Output i takes over this tensor (a restored value, for instance).
  virtual void set_output(int output, Tensor tensor) = 0;
  // At least `bytes` of 64-byte aligned memory, good until run() returns. Free of cost up to what prepare() reserved.
  virtual Result<void*> scratch(size_t bytes) = 0;
  // Of a step that does the work of several: where the nanoseconds of each are added up, over all threads. Null where
  // nobody asks.
  virtual int64_t* part_nanoseconds() { return nullptr; }

  ThreadPool& threads() const { return *pool_; }
  const Services& services() const { return *services_; }
  std::string_view node_name() const { return node_; }

 protected:
  std::span<const TensorView> inputs_;
  int output_count_ = 0;
  ThreadPool* pool_ = nullptr;
  const Services* services_ = nullptr;
  std::string_view node_;
};

class RowKernel;
class ElementKernel;

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual Status prepare(PrepareContext&) { return {}; }
  virtual Status run(RunContext& c) const = 0;
  // What makes the output a band of rows at a time (core/row_kernel.h); null: it is made as a whole. After prepare().
  virtual RowKernel* by_rows() { return nullptr; }
  // What makes elements of floats (core/element_kernel.h); null: it is made as a whole. After prepare().
  virtual const ElementKernel* by_elements() const { return nullptr; }
};

struct KernelDef {
  DType dtype;  // of the op's kernel attr; kInvalid: any dtype
  Backend backend;
  std::unique_ptr<Kernel> (*make)();  // null: left out of this binary (core/linked_types.h)
};

// `static`: what is linked differs between files.
template <class K>
static constexpr KernelDef portable_kernel(DType dtype = DType::kInvalid) {
  KernelDef def{dtype, Backend::kPortable, nullptr};
  if constexpr (kHasKernels) {
    if (kernel_is_linked(dtype)) def.make = []() -> std::unique_ptr<Kernel> { return std::make_unique<K>(); };
  }
  return def;
}

}  // namespace tarn
