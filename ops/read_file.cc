// ReadFile and InitializeTableFromTextFile: files that a graph names itself, read through a FileReader if the session
// was given one.
#include "core/op.h"
#include "ops/support/arguments.h"
#include "ops/support/lookup_table.h"
#include "ops/support/number_text.h"

namespace tarn {
namespace {

Result<FileReader*> reader_of(const RunContext& c) {
  auto* reader = c.services().get<FileReader>();
  if (reader == nullptr) return failed_precondition("there is no access to files of this machine");
  return reader;
}

Status infer_read(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(0, 0, "filename"));
  return c.set_output(0, Shape());
}

class ReadKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(0), "filename"));
    TARN_ASSIGN_OR_RETURN(FileReader * reader, reader_of(c));
    TARN_ASSIGN_OR_RETURN(std::string bytes, reader->read(*c.input(0).as<std::string>()));
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, Shape()));
    *y.as<std::string>() = std::move(bytes);
    return {};
  }
};

// What a column index means besides a column.
constexpr int64_t kWholeLine = -2, kLineNumber = -1;

Status judge_columns(int64_t key, int64_t value, std::string_view delimiter) {
  if (key < kWholeLine || value < kWholeLine) {
    return invalid_argument("key_index and value_index must be -2 (the line), -1 (its number) or a column, are ", key,
                            " and ", value);
  }
  if (delimiter.size() == 1) return {};
  return invalid_argument("attr 'delimiter' must be one character, is ", quoted(delimiter));
}

Status infer_from_file(InferContext& c) {
  TARN_RETURN_IF_ERROR(c.expect_rank(1, 0, "filename"));
  return judge_columns(c.attr<int64_t>("key_index"), c.attr<int64_t>("value_index"), c.attr<std::string>("delimiter"));
}

class TableFromFileKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    key_index_ = c.attr<int64_t>("key_index");
    value_index_ = c.attr<int64_t>("value_index");
    vocab_size_ = c.attr<int64_t>("vocab_size");
    delimiter_ = c.attr<std::string>("delimiter");
    offset_ = c.attrs().get_or<int64_t>("offset", 0);
    constexpr int64_t kMostLines = int64_t{1} << 40;
    if (offset_ < 0 || offset_ > kMostLines || vocab_size_ > kMostLines) {
      return invalid_argument("offset and vocab_size must be in [0, 2^40], are ", offset_, " and ", vocab_size_);
    }
    return judge_columns(key_index_, value_index_, delimiter_);
  }

  Status run(RunContext& c) const override {
    TARN_RETURN_IF_ERROR(expect_scalar(c.input(1), "filename"));
    TARN_ASSIGN_OR_RETURN(LookupTable * table, table_of(c, 0));
    if (table->is_mutable()) return invalid_argument("table ", quoted(table->name()), " takes no initializer");
    TARN_ASSIGN_OR_RETURN(FileReader * reader, reader_of(c));
    const std::string& path = *c.input(1).as<std::string>();
    TARN_ASSIGN_OR_RETURN(std::string text, reader->read(path));
    if (table->is_filled()) return {};  // from the same file, as far as can be told
    Status status = fill(text, *table);
    if (!status.ok()) {
      table->clear();
      return status.with_context(path);
    }
    table->set_filled();
    return {};
  }

 private:
  Status fill(std::string_view text, LookupTable& table) const {
    int64_t line_number = 0;
    while (!text.empty() && (vocab_size_ < 0 || line_number < offset_ + vocab_size_)) {
      size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      int64_t number = line_number++;
      if (number < offset_) continue;
      std::string key, value;
      TARN_RETURN_IF_ERROR(column(line, number - offset_, key_index_, table.key_dtype(), key));
      TARN_RETURN_IF_ERROR(column(line, number - offset_, value_index_, table.value_dtype(), value));
      const std::string* there = table.find(key);
      if (there != nullptr && *there != value) {
        return failed_precondition("HashTable has different value for same key: line ", number + 1);
      }
      if (there == nullptr) table.insert(std::move(key), std::move(value));
    }
    if (vocab_size_ < 0 || line_number >= offset_ + vocab_size_) return {};
    return invalid_argument("Invalid vocab_size: only ", line_number - std::min(line_number, offset_),
                            " lines are there, not ", vocab_size_);
  }

  template <class T>
  static std::string bytes_of(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
  }

  Status column(std::string_view line, int64_t number, int64_t index, DType dtype, std::string& to) const {
    std::string_view text = line;
    if (index == kLineNumber) {
      if (dtype == DType::kInt64) {
        to = bytes_of(number);
      } else if (dtype == DType::kInt32) {
        to = bytes_of(static_cast<int32_t>(number));
      } else {
        return invalid_argument("line numbers are int64, the table has ", dtype_name(dtype));
      }
      return {};
    }
    if (index >= 0) {
      std::string_view rest = line;
      for (int64_t i = 0; i < index; ++i) {
        size_t at = rest.find(delimiter_[0]);
        if (at == std::string_view::npos) {
          return invalid_argument("Invalid number of columns: line ", number + 1, " has no column ", index);
        }
        rest.remove_prefix(at + 1);
      }
      text = rest.substr(0, rest.find(delimiter_[0]));
    }
    switch (dtype) {
      case DType::kString: to = text; return {};
      case DType::kInt32: return number_of<int32_t>(text, number, to);
      case DType::kInt64: return number_of<int64_t>(text, number, to);
      case DType::kFloat: return number_of<float>(text, number, to);
      case DType::kDouble: return number_of<double>(text, number, to);
      default: return invalid_argument("a file has no column of ", dtype_name(dtype));
    }
  }
  template <class T>
  static Status number_of(std::string_view text, int64_t number, std::string& to) {
    T value = 0;
    if (!number_from_text(text, value)) {
      return invalid_argument("Field ", quoted(text), " in line ", number + 1, " is not a valid ",
                              dtype_name(dtype_of<T>()));
    }
    to = bytes_of(value);
    return {};
  }

  int64_t key_index_ = 0, value_index_ = 0, vocab_size_ = -1, offset_ = 0;
  std::string delimiter_;
};

constexpr KernelDef kReadKernels[] = {portable_kernel<ReadKernel>()};
constexpr KernelDef kTableKernels[] = {portable_kernel<TableFromFileKernel>()};

constexpr std::string_view kReadDoc = R"(The bytes of a file, in sessions that are allowed to read files.
  filename  string   returns  string, a scalar
  Refused when the graph is loaded, by node name, where no FileReader was given.   Source: TensorFlow io_ops ReadFile.)";
constexpr std::string_view kTableDoc = R"(Fills a table from the lines of a file, in sessions that may read files.
  table_handle  a reference to a table   filename  string
  key_index and value_index: a column, -2 the whole line, -1 its number; vocab_size: so many lines; -1: all
  Source: TensorFlow lookup_ops InitializeTableFromTextFile.)";
constexpr std::string_view kTableV2Doc = R"(Fills a table from the lines of a file, in sessions that may read files.
  As InitializeTableFromTextFile, with a handle on the table.   Source: TensorFlow lookup_ops.)";
constexpr std::string_view kTableAttrs =
    "key_index: int >= -2; value_index: int >= -2; vocab_size: int >= -1 = -1; delimiter: string = '\t'; offset: int = "
    "0";

}  // namespace

extern const OpDef op_ReadFile, op_InitializeTableFromTextFile, op_InitializeTableFromTextFileV2;
const OpDef op_ReadFile = {
    .name = "ReadFile",
    .inputs = "filename: string",
    .outputs = "contents: string",
    .traits = kStateful,
    .infer = infer_read,
    .kernels = kReadKernels,
    .needs = ServiceId::kFiles,
};
const OpDef op_InitializeTableFromTextFile = {
    .name = "InitializeTableFromTextFile",
    .inputs = "table_handle: Ref(string), filename: string",
    .attrs = kTableAttrs,
    .traits = kStateful | kTakesVariable | kWritesRef,
    .infer = infer_from_file,
    .kernels = kTableKernels,
    .needs = ServiceId::kFiles,
};
const OpDef op_InitializeTableFromTextFileV2 = {
    .name = "InitializeTableFromTextFileV2",
    .inputs = "table_handle: resource, filename: string",
    .attrs = kTableAttrs,
    .traits = kStateful | kTakesVariable | kWritesRef,
    .infer = infer_from_file,
    .kernels = kTableKernels,
    .needs = ServiceId::kFiles,
};

TARN_OP_FILE(read_file, {&op_ReadFile, kReadDoc, nullptr, "strings have no gradient"},
             {&op_InitializeTableFromTextFile, kTableDoc, nullptr, "it has no outputs"},
             {&op_InitializeTableFromTextFileV2, kTableV2Doc, nullptr, "it has no outputs"})

}  // namespace tarn
