// LookupTableFind, Insert, Remove, Size, Export and Import, each for references and handles; InitializeTable.
#include "ops/support/lookup_table.h"
#include "core/op.h"
#include "ops/support/arguments.h"

namespace tarn {
namespace {

Status infer_find(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 0, "default_value"));
  return c.set_output(0, c.shape(1));
}

class FindKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &keys = c.input(1), &other = c.input(2);
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_RETURN_IF_ERROR(expect_filled(*table));
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, keys.dtype, other.dtype));
    TARN_RETURN_IF_ERROR(expect_scalar(other, "default_value"));
    TARN_ASSIGN_OR_RETURN(TensorView values, c.output(0, *keys.shape));
    std::string missing = element_bytes(other, 0);
    for (int64_t i = 0; i < keys.count; ++i) {
      const std::string* value = table->find(element_bytes(keys, i));
      store_element(values, i, value != nullptr ? *value : missing);
    }
    return {};
  }
};

// Keys and values of one shape.
Status judge_pairs(const Shape& keys, const Shape& values) {
  if (keys.is_compatible_with(values)) return {};
  return invalid_argument("keys and values must have the same shape: ", keys.to_string(), " and ", values.to_string());
}

Status infer_pairs(InferContext& c) {
  return judge_pairs(c.shape(1), c.shape(2));
}
Status infer_vectors(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 1, "keys"));
  TARN_RETURN_IF_ERROR(c.expect_rank(2, 1, "values"));
  return judge_pairs(c.shape(1), c.shape(2));
}

// Fills a table that is filled once: again only with the same.
Status fill_once(LookupTable& table, const TensorView& keys, const TensorView& values) {
  LookupTable fresh(table.name(), keys.dtype, values.dtype, false);
  for (int64_t i = 0; i < keys.count; ++i) {
    std::string key = element_bytes(keys, i), value = element_bytes(values, i);
    const std::string* there = fresh.find(key);
    if (there != nullptr && *there != value) {
      return failed_precondition("HashTable has different value for same key: the key of row ", i, " of ", keys.count);
    }
    if (there == nullptr) fresh.insert(std::move(key), std::move(value));
  }
  if (table.is_filled()) {
    bool same = table.size() == fresh.size();
    for (size_t i = 0; same && i < fresh.keys().size(); ++i) {
      const std::string* there = table.find(fresh.keys()[i]);
      same = there != nullptr && *there == fresh.values()[i];
    }
    if (same) return {};
    return failed_precondition("Table ", quoted(table.name()), " was already initialized with different data.");
  }
  for (size_t i = 0; i < fresh.keys().size(); ++i) table.insert(fresh.keys()[i], fresh.values()[i]);
  table.set_filled();
  return {};
}

class InitializeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &keys = c.input(1), &values = c.input(2);
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_RETURN_IF_ERROR(expect_rank(keys, 1, "keys"));
    TARN_RETURN_IF_ERROR(judge_pairs(*keys.shape, *values.shape));
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, keys.dtype, values.dtype));
    if (table->is_mutable()) return invalid_argument("table ", quoted(table->name()), " takes no initializer");
    return fill_once(*table, keys, values);
  }
};

// kReplaces: what was there goes first.
template <bool kReplaces>
class InsertKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView &keys = c.input(1), &values = c.input(2);
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_RETURN_IF_ERROR(judge_pairs(*keys.shape, *values.shape));
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, keys.dtype, values.dtype));
    if (!table->is_mutable()) {
      // From 1.14 on TensorFlow fills HashTables with an Import, where it used to run InitializeTable.
      if (kReplaces) return fill_once(*table, keys, values);
      return unimplemented("table ", quoted(table->name()), " is filled once, by InitializeTable; a MutableHashTable ",
                           "takes more");
    }
    if (kReplaces) table->clear();
    for (int64_t i = 0; i < keys.count; ++i) table->insert(element_bytes(keys, i), element_bytes(values, i));
    return {};
  }
};

class RemoveKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    const TensorView& keys = c.input(1);
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, keys.dtype, table->value_dtype()));
    if (!table->is_mutable()) return unimplemented("table ", quoted(table->name()), " is filled once");
    for (int64_t i = 0; i < keys.count; ++i) table->remove(element_bytes(keys, i));
    return {};
  }
};

class SizeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_ASSIGN_OR_RETURN(TensorView size, c.output(0, Shape()));
    *size.as<int64_t>() = table->size();
    return {};
  }
};

Status infer_export(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.set_output(0, Shape{kUnknownDim}));
  return c.set_output(1, Shape{kUnknownDim});
}

class ExportKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    key_dtype_ = c.attr<DType>("Tkeys");
    value_dtype_ = c.attr<DType>("Tvalues");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    TARN_RETURN_IF_ERROR(expect_dtypes(*table, key_dtype_, value_dtype_));
    TARN_ASSIGN_OR_RETURN(TensorView keys, c.output(0, Shape{table->size()}));
    TARN_ASSIGN_OR_RETURN(TensorView values, c.output(1, Shape{table->size()}));
    for (int64_t i = 0; i < table->size(); ++i) {
      store_element(keys, i, table->keys()[static_cast<size_t>(i)]);
      store_element(values, i, table->values()[static_cast<size_t>(i)]);
    }
    return {};
  }

 private:
  DType key_dtype_ = DType::kInvalid, value_dtype_ = DType::kInvalid;
};

constexpr KernelDef kFindKernels[] = {portable_kernel<FindKernel>()};
constexpr KernelDef kInitializeKernels[] = {portable_kernel<InitializeKernel>()};
constexpr KernelDef kInsertKernels[] = {portable_kernel<InsertKernel<false>>()};
constexpr KernelDef kImportKernels[] = {portable_kernel<InsertKernel<true>>()};
constexpr KernelDef kRemoveKernels[] = {portable_kernel<RemoveKernel>()};
constexpr KernelDef kSizeKernels[] = {portable_kernel<SizeKernel>()};
constexpr KernelDef kExportKernels[] = {portable_kernel<ExportKernel>()};

constexpr std::string_view kNoGradient = "keys are no numbers to follow";
constexpr uint32_t kReads = kStateful | kTakesVariable, kWrites = kReads | kWritesRef;

constexpr std::string_view kFindDoc = R"(The values that a table has for keys.
  table_handle  a reference to a table   keys  Tin[...]   default_value  Tout: for keys that are not there
  returns  values  Tout, of the shape of keys
  Errors: FailedPrecondition if the table was not filled.   Source: TensorFlow lookup_ops LookupTableFind.)";
constexpr std::string_view kFindV2Doc = R"(The values that a table has for keys.
  As LookupTableFind, with a handle on the table.   Source: TensorFlow lookup_ops LookupTableFindV2.)";
constexpr std::string_view kInitDoc = R"(Fills a table that is filled once.
  table_handle  a reference to a table   keys  Tkey[n]   values  Tval[n]
  Errors: FailedPrecondition for a key with two values, or if the table holds something else already.
  Source: TensorFlow lookup_ops InitializeTable.)";
constexpr std::string_view kInitV2Doc = R"(Fills a table that is filled once.
  As InitializeTable, with a handle on the table.   Source: TensorFlow lookup_ops InitializeTableV2.)";
constexpr std::string_view kInsertDoc = R"(Puts keys with their values into a table, in place of what they had.
  table_handle  a reference to a mutable table   keys  Tin[...]   values  Tout, of the same shape
  Source: TensorFlow lookup_ops LookupTableInsert.)";
constexpr std::string_view kInsertV2Doc = R"(Puts keys with their values into a table, in place of what they had.
  As LookupTableInsert, with a handle on the table.   Source: TensorFlow lookup_ops LookupTableInsertV2.)";
constexpr std::string_view kImportDoc =
    R"(Empties a table and puts keys with their values into it; a table that is filled once is filled.
  As LookupTableInsert, and of a HashTable as InitializeTable.   Source: TensorFlow lookup_ops LookupTableImport.)";
constexpr std::string_view kImportV2Doc =
    R"(Empties a table and puts keys with their values into it; a table that is filled once is filled.
  As LookupTableInsertV2, and of a HashTableV2 as InitializeTableV2.   Source: TensorFlow lookup_ops LookupTableImportV2.)";
constexpr std::string_view kRemoveV2Doc = R"(Takes keys out of a table; those that are not there are no trouble.
  table_handle  a handle on a mutable table   keys  Tin[...].   Source: TensorFlow lookup_ops LookupTableRemoveV2.)";
constexpr std::string_view kSizeDoc = R"(How many keys a table has.
  table_handle  a reference to a table   returns  int64.   Source: TensorFlow lookup_ops LookupTableSize.)";
constexpr std::string_view kSizeV2Doc = R"(How many keys a table has.
  table_handle  a handle on a table   returns  int64.   Source: TensorFlow lookup_ops LookupTableSizeV2.)";
constexpr std::string_view kExportDoc = R"(All keys of a table with their values, in the order they came.
  table_handle  a reference to a table   returns  keys  Tkeys[n], values  Tvalues[n].   Source: TensorFlow lookup_ops.)";
constexpr std::string_view kExportV2Doc = R"(All keys of a table with their values, in the order they came.
  As LookupTableExport, with a handle on the table.   Source: TensorFlow lookup_ops LookupTableExportV2.)";

}  // namespace

extern const OpDef op_LookupTableFind, op_LookupTableFindV2, op_InitializeTable, op_InitializeTableV2,
    op_LookupTableInsert, op_LookupTableInsertV2, op_LookupTableImport, op_LookupTableImportV2, op_LookupTableRemoveV2,
    op_LookupTableSize, op_LookupTableSizeV2, op_LookupTableExport, op_LookupTableExportV2;
const OpDef op_LookupTableFind = {
    .name = "LookupTableFind",
    .inputs = "table_handle: Ref(string), keys: Tin, default_value: Tout",
    .outputs = "values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kReads,
    .infer = infer_find,
    .kernels = kFindKernels,
};
const OpDef op_LookupTableFindV2 = {
    .name = "LookupTableFindV2",
    .inputs = "table_handle: resource, keys: Tin, default_value: Tout",
    .outputs = "values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kReads,
    .infer = infer_find,
    .kernels = kFindKernels,
};
const OpDef op_InitializeTable = {
    .name = "InitializeTable",
    .inputs = "table_handle: Ref(string), keys: Tkey, values: Tval",
    .attrs = "Tkey: type; Tval: type",
    .traits = kWrites,
    .infer = infer_vectors,
    .kernels = kInitializeKernels,
};
const OpDef op_InitializeTableV2 = {
    .name = "InitializeTableV2",
    .inputs = "table_handle: resource, keys: Tkey, values: Tval",
    .attrs = "Tkey: type; Tval: type",
    .traits = kWrites,
    .infer = infer_vectors,
    .kernels = kInitializeKernels,
};
const OpDef op_LookupTableInsert = {
    .name = "LookupTableInsert",
    .inputs = "table_handle: Ref(string), keys: Tin, values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kWrites,
    .infer = infer_pairs,
    .kernels = kInsertKernels,
};
const OpDef op_LookupTableInsertV2 = {
    .name = "LookupTableInsertV2",
    .inputs = "table_handle: resource, keys: Tin, values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kWrites,
    .infer = infer_pairs,
    .kernels = kInsertKernels,
};
const OpDef op_LookupTableImport = {
    .name = "LookupTableImport",
    .inputs = "table_handle: Ref(string), keys: Tin, values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kWrites,
    .infer = infer_pairs,
    .kernels = kImportKernels,
};
const OpDef op_LookupTableImportV2 = {
    .name = "LookupTableImportV2",
    .inputs = "table_handle: resource, keys: Tin, values: Tout",
    .attrs = "Tin: type; Tout: type",
    .traits = kWrites,
    .infer = infer_pairs,
    .kernels = kImportKernels,
};
const OpDef op_LookupTableRemoveV2 = {
    .name = "LookupTableRemoveV2",
    .inputs = "table_handle: resource, keys: Tin",
    .attrs = "Tin: type",
    .traits = kWrites,
    .infer = infer_no_outputs,
    .kernels = kRemoveKernels,
};
const OpDef op_LookupTableSize = {
    .name = "LookupTableSize",
    .inputs = "table_handle: Ref(string)",
    .outputs = "size: int64",
    .traits = kReads,
    .infer = infer_scalar,
    .kernels = kSizeKernels,
};
const OpDef op_LookupTableSizeV2 = {
    .name = "LookupTableSizeV2",
    .inputs = "table_handle: resource",
    .outputs = "size: int64",
    .traits = kReads,
    .infer = infer_scalar,
    .kernels = kSizeKernels,
};
const OpDef op_LookupTableExport = {
    .name = "LookupTableExport",
    .inputs = "table_handle: Ref(string)",
    .outputs = "keys: Tkeys, values: Tvalues",
    .attrs = "Tkeys: type; Tvalues: type",
    .traits = kReads,
    .infer = infer_export,
    .kernels = kExportKernels,
};
const OpDef op_LookupTableExportV2 = {
    .name = "LookupTableExportV2",
    .inputs = "table_handle: resource",
    .outputs = "keys: Tkeys, values: Tvalues",
    .attrs = "Tkeys: type; Tvalues: type",
    .traits = kReads,
    .infer = infer_export,
    .kernels = kExportKernels,
};

TARN_OP_FILE(lookup_table, {&op_LookupTableFind, kFindDoc, nullptr, kNoGradient},
             {&op_LookupTableFindV2, kFindV2Doc, nullptr, kNoGradient},
             {&op_InitializeTable, kInitDoc, nullptr, kNoGradient},
             {&op_InitializeTableV2, kInitV2Doc, nullptr, kNoGradient},
             {&op_LookupTableInsert, kInsertDoc, nullptr, kNoGradient},
             {&op_LookupTableInsertV2, kInsertV2Doc, nullptr, kNoGradient},
             {&op_LookupTableImport, kImportDoc, nullptr, kNoGradient},
             {&op_LookupTableImportV2, kImportV2Doc, nullptr, kNoGradient},
             {&op_LookupTableRemoveV2, kRemoveV2Doc, nullptr, kNoGradient},
             {&op_LookupTableSize, kSizeDoc, nullptr, kNoGradient},
             {&op_LookupTableSizeV2, kSizeV2Doc, nullptr, kNoGradient},
             {&op_LookupTableExport, kExportDoc, nullptr, kNoGradient},
             {&op_LookupTableExportV2, kExportV2Doc, nullptr, kNoGradient})

}  // namespace tarn
