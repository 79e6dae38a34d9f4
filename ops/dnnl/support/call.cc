#include "ops/dnnl/support/call.h"

#include <omp.h>

#include <algorithm>
#include <string_view>

namespace tarn::dnnl {
namespace {

constexpr size_t kAlignment = 64;

template <class Handle, auto kDestroy>
struct Destroy {
  void operator()(Handle* handle) const { (void)kDestroy(handle); }
};
using Engine = std::unique_ptr<dnnl_engine, Destroy<dnnl_engine, dnnl_engine_destroy>>;
using Stream = std::unique_ptr<dnnl_stream, Destroy<dnnl_stream, dnnl_stream_destroy>>;
using Memory = std::unique_ptr<dnnl_memory, Destroy<dnnl_memory, dnnl_memory_destroy>>;
using Attributes = std::unique_ptr<dnnl_primitive_attr, Destroy<dnnl_primitive_attr, dnnl_primitive_attr_destroy>>;
using PostOps = std::unique_ptr<dnnl_post_ops, Destroy<dnnl_post_ops, dnnl_post_ops_destroy>>;
using Descriptor = std::unique_ptr<dnnl_primitive_desc, Destroy<dnnl_primitive_desc, dnnl_primitive_desc_destroy>>;
using Primitive = std::unique_ptr<dnnl_primitive, Destroy<dnnl_primitive, dnnl_primitive_destroy>>;

Status check(dnnl_status_t status, std::string_view what) {
  if (status == dnnl_success) return {};
  if (status == dnnl_unimplemented || status == dnnl_invalid_arguments) {
    return decline(str_cat("it refuses ", what, " (status ", static_cast<int>(status), ")"));
  }
  if (status == dnnl_out_of_memory) return resource_exhausted("oneDNN: out of memory for ", what);
  return internal_error("oneDNN: ", what, " gives status ", static_cast<int>(status));
}

// While running nothing can be declined any more.
Status check_run(dnnl_status_t status, std::string_view what) {
  if (status == dnnl_success) return {};
  return internal_error("oneDNN: running ", what, " gives status ", static_cast<int>(status));
}

// Takes over what a C function makes behind its first argument.
template <class Owner, class F, class... Args>
Status make(Owner& owner, std::string_view what, F function, Args... args) {
  typename Owner::pointer made = nullptr;
  Status status = check(function(&made, args...), what);
  owner.reset(made);
  return status;
}

// One processor, one engine: it holds no state of a call.
Result<dnnl_engine_t> cpu_engine() {
  static const Engine engine = [] {
    Engine made;
    (void)make(made, "an engine", dnnl_engine_create, dnnl_cpu, size_t{0});
    return made;
  }();
  if (engine == nullptr) return internal_error("oneDNN has no engine for this processor");
  return engine.get();
}

// OpenMP's setting is of the calling thread, which may have OpenMP code of its own.
class OpenMpThreads {
 public:
  explicit OpenMpThreads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~OpenMpThreads() { omp_set_num_threads(before_); }
  OpenMpThreads(const OpenMpThreads&) = delete;
  OpenMpThreads& operator=(const OpenMpThreads&) = delete;

 private:
  int before_;
};

Result<Attributes> user_scratchpad(Activation activation) {
  Attributes attributes;
  TARN_RETURN_IF_ERROR(make(attributes, "attributes", dnnl_primitive_attr_create));
  TARN_RETURN_IF_ERROR(
      check(dnnl_primitive_attr_set_scratchpad_mode(attributes.get(), dnnl_scratchpad_mode_user), "a scratchpad"));
  if (activation == Activation::kNone) return attributes;
  PostOps post_ops;
  TARN_RETURN_IF_ERROR(make(post_ops, "post ops", dnnl_post_ops_create));
  const bool six = activation == Activation::kRelu6;
  TARN_RETURN_IF_ERROR(
      check(dnnl_post_ops_append_eltwise(post_ops.get(), 1.0f, six ? dnnl_eltwise_clip : dnnl_eltwise_relu, 0.0f,
                                         six ? 6.0f : 0.0f),
            "an activation"));
  TARN_RETURN_IF_ERROR(check(dnnl_primitive_attr_set_post_ops(attributes.get(), post_ops.get()), "an activation"));
  return attributes;
}

const dnnl_memory_desc_t& query(const Descriptor& descriptor, dnnl_query_t what, int index) {
  return *dnnl_primitive_desc_query_md(descriptor.get(), what, index);
}

dnnl_memory_desc_t strided(std::initializer_list<int64_t> dims, std::initializer_list<int64_t> strides) {
  dnnl_memory_desc_t desc = {};
  (void)dnnl_memory_desc_init_by_strides(&desc, static_cast<int>(dims.size()), dims.begin(), dnnl_f32, strides.begin());
  return desc;
}

void* advance(void* memory, size_t bytes) {
  return static_cast<std::byte*>(memory) + bytes;
}

}  // namespace

dnnl_memory_desc_t row_major(std::initializer_list<int64_t> dims) {
  dnnl_dims_t strides = {};
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= dims.begin()[d];
  }
  dnnl_memory_desc_t desc = {};
  (void)dnnl_memory_desc_init_by_strides(&desc, static_cast<int>(dims.size()), dims.begin(), dnnl_f32, strides);
  return desc;
}
dnnl_memory_desc_t column_major(int64_t rows, int64_t columns) {
  return strided({rows, columns}, {1, rows});
}
dnnl_memory_desc_t image_nhwc(int64_t batch, int64_t height, int64_t width, int64_t channels) {
  return strided({batch, channels, height, width}, {height * width * channels, 1, width * channels, channels});
}
dnnl_memory_desc_t filter_hwio(int64_t height, int64_t width, int64_t in, int64_t out) {
  return strided({out, in, height, width}, {1, out, width * in * out, in * out});
}
dnnl_memory_desc_t any_layout(dnnl_memory_desc_t desc) {
  dnnl_memory_desc_t any = {};
  (void)dnnl_memory_desc_init_by_tag(&any, desc.ndims, desc.dims, desc.data_type, dnnl_format_tag_any);
  return any;
}

Status decline(std::string_view why) {
  return unimplemented("oneDNN: ", why);
}

size_t aligned_bytes(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
size_t bytes_of(const dnnl_memory_desc_t& desc) {
  return dnnl_memory_desc_get_size(&desc);
}

struct Call::Binding {
  int arg;
  Direction direction;
  dnnl_memory_desc_t plain, wanted;
  Primitive reorder;            // null: the primitive takes the tensor as it lies
  size_t converted_offset = 0;  // in the scratch
  dnnl_memory_desc_t reorder_scratchpad;
};

// What one run at a time uses: oneDNN's memory objects carry the pointers.
struct Call::Arguments {
  Stream stream;
  std::vector<Memory> plain, converted, reorder_scratchpads;  // by binding; null where not reordered
  Memory scratchpad;
  std::vector<dnnl_exec_arg_t> list;
};

struct Call::State {
  Descriptor descriptor;
  Primitive primitive;
  std::vector<Binding> bindings;
  dnnl_memory_desc_t scratchpad;
  std::mutex mutex;
  std::vector<std::unique_ptr<Arguments>> idle;
};

Call::Call() : state_(std::make_unique<State>()) {}
Call::~Call() = default;

Status Call::create(const_dnnl_op_desc_t desc, int threads, Activation activation, const Call* hint) {
  TARN_ASSIGN_OR_RETURN(dnnl_engine_t engine, cpu_engine());
  OpenMpThreads openmp(threads);  // primitives are cut for the threads they will have
  TARN_ASSIGN_OR_RETURN(Attributes attributes, user_scratchpad(activation));
  const_dnnl_primitive_desc_t forward = hint == nullptr ? nullptr : hint->state_->descriptor.get();
  TARN_RETURN_IF_ERROR(make(state_->descriptor, "the primitive", dnnl_primitive_desc_create, desc,
                            const_dnnl_primitive_attr_t{attributes.get()}, engine, forward));
  const char* name = "";
  (void)dnnl_primitive_desc_query(state_->descriptor.get(), dnnl_query_impl_info_str, 0, &name);
  if (std::string_view(name).starts_with("ref") || std::string_view(name).starts_with("simple")) {
    return decline(str_cat("only reference code (", name, ")"));
  }
  TARN_RETURN_IF_ERROR(make(state_->primitive, "the primitive", dnnl_primitive_create,
                            const_dnnl_primitive_desc_t{state_->descriptor.get()}));
  state_->scratchpad = query(state_->descriptor, dnnl_query_scratchpad_md, 0);
  scratch_bytes_ = aligned_bytes(bytes_of(state_->scratchpad));
  return {};
}

const dnnl_memory_desc_t& Call::wanted(int arg) const {
  return query(state_->descriptor, dnnl_query_exec_arg_md, arg);
}

Status Call::bind(int arg, const dnnl_memory_desc_t& plain, Direction direction) {
  TARN_ASSIGN_OR_RETURN(dnnl_engine_t engine, cpu_engine());
  Binding binding{arg, direction, plain, wanted(arg), nullptr, 0, {}};
  if (dnnl_memory_desc_equal(&binding.plain, &binding.wanted) == 0) {
    TARN_ASSIGN_OR_RETURN(Attributes attributes, user_scratchpad(Activation::kNone));
    const bool in = direction == kIn;
    Descriptor descriptor;
    TARN_RETURN_IF_ERROR(make(descriptor, "a reorder", dnnl_reorder_primitive_desc_create,
                              const_cast<const dnnl_memory_desc_t*>(in ? &binding.plain : &binding.wanted), engine,
                              const_cast<const dnnl_memory_desc_t*>(in ? &binding.wanted : &binding.plain), engine,
                              const_dnnl_primitive_attr_t{attributes.get()}));
    TARN_RETURN_IF_ERROR(
        make(binding.reorder, "a reorder", dnnl_primitive_create, const_dnnl_primitive_desc_t{descriptor.get()}));
    binding.reorder_scratchpad = query(descriptor, dnnl_query_scratchpad_md, 0);
    binding.converted_offset = scratch_bytes_;
    // A reorder's own scratch lies behind what it converts, for as long as it runs.
    scratch_bytes_ += aligned_bytes(bytes_of(binding.wanted)) + aligned_bytes(bytes_of(binding.reorder_scratchpad));
  }
  state_->bindings.push_back(std::move(binding));
  return {};
}

Result<std::unique_ptr<Call::Arguments>> Call::take_arguments() const {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->idle.empty()) {
      std::unique_ptr<Arguments> arguments = std::move(state_->idle.back());
      state_->idle.pop_back();
      return arguments;
    }
  }
  TARN_ASSIGN_OR_RETURN(dnnl_engine_t engine, cpu_engine());
  auto arguments = std::make_unique<Arguments>();
  TARN_RETURN_IF_ERROR(make(arguments->stream, "a stream", dnnl_stream_create, engine,
                            static_cast<unsigned>(dnnl_stream_default_flags)));
  auto memory = [&](Memory& made, const dnnl_memory_desc_t& desc) {
    return make(made, "a memory object", dnnl_memory_create, &desc, engine, static_cast<void*>(DNNL_MEMORY_NONE));
  };
  for (const Binding& binding : state_->bindings) {
    Memory& plain = arguments->plain.emplace_back();
    Memory& converted = arguments->converted.emplace_back();
    Memory& scratchpad = arguments->reorder_scratchpads.emplace_back();
    TARN_RETURN_IF_ERROR(memory(plain, binding.plain));
    if (binding.reorder != nullptr) {
      TARN_RETURN_IF_ERROR(memory(converted, binding.wanted));
      TARN_RETURN_IF_ERROR(memory(scratchpad, binding.reorder_scratchpad));
    }
    arguments->list.push_back({binding.arg, converted != nullptr ? converted.get() : plain.get()});
  }
  TARN_RETURN_IF_ERROR(memory(arguments->scratchpad, state_->scratchpad));
  arguments->list.push_back({DNNL_ARG_SCRATCHPAD, arguments->scratchpad.get()});
  return arguments;
}

Status Call::run(int threads, std::span<void* const> data, void* scratch) const {
  OpenMpThreads openmp(threads);
  TARN_ASSIGN_OR_RETURN(std::unique_ptr<Arguments> arguments, take_arguments());
  const std::vector<Binding>& bindings = state_->bindings;
  (void)dnnl_memory_set_data_handle(arguments->scratchpad.get(), scratch);
  for (size_t i = 0; i < bindings.size(); ++i) {
    (void)dnnl_memory_set_data_handle(arguments->plain[i].get(), data[i]);
    if (bindings[i].reorder == nullptr) continue;
    void* converted = advance(scratch, bindings[i].converted_offset);
    (void)dnnl_memory_set_data_handle(arguments->converted[i].get(), converted);
    (void)dnnl_memory_set_data_handle(arguments->reorder_scratchpads[i].get(),
                                      advance(converted, aligned_bytes(bytes_of(bindings[i].wanted))));
  }
  dnnl_stream_t stream = arguments->stream.get();
  auto reorder = [&](Direction direction) -> Status {
    for (size_t i = 0; i < bindings.size(); ++i) {
      if (bindings[i].reorder == nullptr || bindings[i].direction != direction) continue;
      dnnl_memory_t plain = arguments->plain[i].get(), converted = arguments->converted[i].get();
      const dnnl_exec_arg_t list[] = {{DNNL_ARG_FROM, direction == kIn ? plain : converted},
                                      {DNNL_ARG_TO, direction == kIn ? converted : plain},
                                      {DNNL_ARG_SCRATCHPAD, arguments->reorder_scratchpads[i].get()}};
      TARN_RETURN_IF_ERROR(check_run(dnnl_primitive_execute(bindings[i].reorder.get(), stream, 3, list), "a reorder"));
    }
    return {};
  };
  TARN_RETURN_IF_ERROR(reorder(kIn));
  TARN_RETURN_IF_ERROR(
      check_run(dnnl_primitive_execute(state_->primitive.get(), stream, static_cast<int>(arguments->list.size()),
                                       arguments->list.data()),
                "the primitive"));
  TARN_RETURN_IF_ERROR(reorder(kOut));
  TARN_RETURN_IF_ERROR(check_run(dnnl_stream_wait(stream), "the stream"));
  std::lock_guard lock(state_->mutex);
  state_->idle.push_back(std::move(arguments));
  return {};
}

}  // namespace tarn::dnnl
