// HashTable, HashTableV2, MutableHashTable, MutableHashTableV2: tables from keys to values, held by the session.
#include "core/op.h"
#include "ops/support/lookup_table.h"

namespace tarn {
namespace {

// The session of a graph keeps tables apart from variables, so that one name may be both.
Status infer_reference(InferContext& c) {
  return c.set_output(0, Shape{2});
}
Status infer_handle(InferContext& c) {
  c.output(0).behind = std::make_shared<Fact>(Fact{.dtype = DType::kString, .shape = Shape{2}});
  return infer_scalar(c);
}

template <bool kIsMutable>
class TableKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    name_ = variable_name(c.attrs(), c.node_name());
    key_dtype_ = c.attr<DType>("key_dtype");
    value_dtype_ = c.attr<DType>("value_dtype");
    for (DType dtype : {key_dtype_, value_dtype_}) {
      if (dtype != DType::kString && dtype_size(dtype) == 0) {
        return unimplemented("a table of ", dtype_name(key_dtype_), " to ", dtype_name(value_dtype_));
      }
    }
    return {};
  }
  Status run(RunContext& c) const override {
    ResourceMap* resources = c.services().resources();
    if (resources == nullptr) return failed_precondition("there is nowhere to keep tables");
    auto* table = resources->find_or_create<LookupTable>(
        name_, [&] { return std::make_unique<LookupTable>(name_, key_dtype_, value_dtype_, kIsMutable); });
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, key_dtype_, value_dtype_));
    if (table->is_mutable() != kIsMutable) {
      return invalid_argument("table ", quoted(name_), " is shared with a table of another op");
    }
    c.set_variable(0, table);
    return {};
  }

 private:
  std::string name_;
  DType key_dtype_ = DType::kInvalid, value_dtype_ = DType::kInvalid;
};

constexpr KernelDef kKernels[] = {portable_kernel<TableKernel<false>>()};
constexpr KernelDef kMutableKernels[] = {portable_kernel<TableKernel<true>>()};

constexpr std::string_view kNoGradient = "a table is where gradients end";
constexpr std::string_view kAttrs =
    "container: string = ''; shared_name: string = ''; use_node_name_sharing: bool = false; key_dtype: type; "
    "value_dtype: type";
constexpr std::string_view kDoc = R"(A table that is filled once, held by the session: a reference to it.
  returns  Ref(string)[2]   The table is found by `shared_name`, or by the node's name; InitializeTable fills it.
  Source: TensorFlow lookup_ops HashTable.)";
constexpr std::string_view kV2Doc = R"(A table that is filled once, held by the session: a handle on it.
  returns  resource   The table is found by `shared_name`, or by the node's name; InitializeTableV2 fills it.
  Source: TensorFlow lookup_ops HashTableV2.)";
constexpr std::string_view kMutableDoc = R"(A table that runs may change, held by the session: a reference to it.
  returns  Ref(string)[2].   Source: TensorFlow lookup_ops MutableHashTable.)";
constexpr std::string_view kMutableV2Doc = R"(A table that runs may change, held by the session: a handle on it.
  returns  resource.   Source: TensorFlow lookup_ops MutableHashTableV2.)";

}  // namespace

extern const OpDef op_HashTable, op_HashTableV2, op_MutableHashTable, op_MutableHashTableV2;
const OpDef op_HashTable = {
    .name = "HashTable",
    .outputs = "table_handle: Ref(string)",
    .attrs = kAttrs,
    .traits = kStateful,
    .infer = infer_reference,
    .kernels = kKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_HashTableV2 = {
    .name = "HashTableV2",
    .outputs = "table_handle: resource",
    .attrs = kAttrs,
    .traits = kStateful,
    .infer = infer_handle,
    .kernels = kKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_MutableHashTable = {
    .name = "MutableHashTable",
    .outputs = "table_handle: Ref(string)",
    .attrs = kAttrs,
    .traits = kStateful,
    .infer = infer_reference,
    .kernels = kMutableKernels,
    .needs = ServiceId::kResources,
};
const OpDef op_MutableHashTableV2 = {
    .name = "MutableHashTableV2",
    .outputs = "table_handle: resource",
    .attrs = kAttrs,
    .traits = kStateful,
    .infer = infer_handle,
    .kernels = kMutableKernels,
    .needs = ServiceId::kResources,
};

TARN_OP_FILE(hash_table, {&op_HashTable, kDoc, nullptr, kNoGradient}, {&op_HashTableV2, kV2Doc, nullptr, kNoGradient},
             {&op_MutableHashTable, kMutableDoc, nullptr, kNoGradient},
             {&op_MutableHashTableV2, kMutableV2Doc, nullptr, kNoGradient})

}  // namespace tarn
