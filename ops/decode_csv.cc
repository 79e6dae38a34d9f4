// DecodeCSV.
#include <algorithm>

#include "core/op.h"
#include "ops/support/number_text.h"

namespace tarn {
namespace {

using Columns = std::vector<int64_t>;

Status judge_attrs(const AttrMap& attrs) {
  if (attrs.get<std::string>("field_delim").size() != 1) return invalid_argument("field_delim should be only 1 char");
  const auto& columns = attrs.get<Columns>("select_cols");
  size_t fields = attrs.get<std::vector<DType>>("OUT_TYPE").size();
  if (!columns.empty() && columns.size() != fields) {
    return invalid_argument("select_cols should match output size: ", columns.size(), " and ", fields);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < (i == 0 ? 0 : columns[i - 1] + 1)) {
      return invalid_argument("select_cols should be strictly increasing indices, not [", str_join(columns), "]");
    }
  }
  return {};
}

Status infer_csv(InferContext& c) {
  TARN_RETURN_IF_ERROR(judge_attrs(c.attrs()));
  for (int i = 0; i < c.output_count(); ++i) {
    const Shape& fallback = c.shape(1 + i);
    if (fallback.rank() > 1 || (fallback.is_fully_known() && fallback.elements() > 1)) {
      return invalid_argument("Shape of a default must be a length-0 or length-1 vector, or a scalar: ",
                              fallback.to_string());
    }
    TARN_RETURN_IF_ERROR(c.set_output(i, c.shape(0)));
  }
  return {};
}

class CsvKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    TARN_RETURN_IF_ERROR(judge_attrs(c.attrs()));
    delimiter_ = c.attr<std::string>("field_delim")[0];
    quotes_ = c.attr<bool>("use_quote_delim");
    missing_ = c.attr<std::string>("na_value");
    columns_ = c.attr<Columns>("select_cols");
    for (DType dtype : c.attr<std::vector<DType>>("OUT_TYPE")) {
      constexpr DType kTypes[] = {DType::kFloat, DType::kDouble, DType::kInt32, DType::kInt64, DType::kString};
      if (std::find(std::begin(kTypes), std::end(kTypes), dtype) == std::end(kTypes)) {
        return unimplemented("csv: data type ", dtype_name(dtype), " not supported");
      }
    }
    return {};
  }

  Status run(RunContext& c) const override {
    std::span<const std::string> records = c.input(0).flat<std::string>();
    auto count = static_cast<size_t>(c.output_count());
    std::vector<TensorView> outputs;
    for (size_t f = 0; f < count; ++f) {
      int i = static_cast<int>(f);
      if (c.input(1 + i).count > 1) {
        return invalid_argument("There should only be 1 default per field but field ", f, " has ",
                                c.input(1 + i).count);
      }
      TARN_ASSIGN_OR_RETURN(TensorView output, c.output(i, *c.input(0).shape));
      outputs.push_back(output);
    }
    std::vector<std::string> fields;
    for (size_t r = 0; r < records.size(); ++r) {
      fields.clear();
      TARN_RETURN_IF_ERROR(split(records[r], fields));
      if (fields.size() != count) {
        return invalid_argument("Expect ", count, " fields but have ", fields.size(), " in record ", r);
      }
      for (size_t f = 0; f < count; ++f) {
        TARN_RETURN_IF_ERROR(store(fields[f], c.input(1 + static_cast<int>(f)), outputs[f], f, r));
      }
    }
    return {};
  }

 private:
  // The fields that are wanted, unquoted.
  Status split(const std::string& record, std::vector<std::string>& fields) const {
    int64_t number = 0;
    auto is_wanted = [&] { return columns_.empty() || std::binary_search(columns_.begin(), columns_.end(), number); };
    auto has_all = [&] { return !columns_.empty() && fields.size() == columns_.size(); };
    size_t at = 0;
    while (at < record.size()) {
      if (record[at] == '\n' || record[at] == '\r') {
        ++at;
        continue;
      }
      std::string field;
      if (quotes_ && record[at] == '"') {
        TARN_RETURN_IF_ERROR(take_quoted(record, at, field));
      } else {
        for (; at < record.size() && record[at] != delimiter_; ++at) {
          if ((quotes_ && record[at] == '"') || record[at] == '\n' || record[at] == '\r') {
            return invalid_argument("Unquoted fields cannot have quotes/CRLFs inside");
          }
          field += record[at];
        }
        ++at;
      }
      if (is_wanted()) fields.push_back(std::move(field));
      ++number;
      if (has_all()) return {};
    }
    // A delimiter at the end has an empty field behind it.
    if (!record.empty() && record.back() == delimiter_ && is_wanted()) fields.emplace_back();
    return {};
  }

  // Two quotes stand for one; the field ends at a quote before a delimiter or the end.
  Status take_quoted(const std::string& record, size_t& at, std::string& field) const {
    ++at;
    while (at + 1 < record.size() && (record[at] != '"' || record[at + 1] != delimiter_)) {
      if (record[at] != '"') {
        field += record[at++];
        continue;
      }
      if (record[at + 1] != '"') {
        return invalid_argument("Quote inside a string has to be escaped by another quote");
      }
      field += '"';
      at += 2;
    }
    bool ends = at < record.size() && record[at] == '"' && (at + 1 == record.size() || record[at + 1] == delimiter_);
    if (!ends) return invalid_argument("Quoted field has to end with quote followed by delim or end");
    at += 2;
    return {};
  }

  Status store(const std::string& field, const TensorView& fallback, const TensorView& to, size_t f, size_t r) const {
    bool is_missing = field.empty() || field == missing_;
    if (is_missing && fallback.count == 0) {
      return invalid_argument("Field ", f, " is required but missing in record ", r, "!");
    }
    switch (to.dtype) {
      case DType::kFloat: return store_number<float>(is_missing, field, fallback, to, f, r);
      case DType::kDouble: return store_number<double>(is_missing, field, fallback, to, f, r);
      case DType::kInt32: return store_number<int32_t>(is_missing, field, fallback, to, f, r);
      case DType::kInt64: return store_number<int64_t>(is_missing, field, fallback, to, f, r);
      default: to.as<std::string>()[r] = is_missing ? *fallback.as<std::string>() : field; return {};
    }
  }
  template <class T>
  static Status store_number(bool is_missing, const std::string& field, const TensorView& fallback,
                             const TensorView& to, size_t f, size_t r) {
    if (is_missing) {
      to.as<T>()[r] = *fallback.as<T>();
    } else if (!number_from_text(field, to.as<T>()[r])) {
      return invalid_argument("Field ", f, " in record ", r, " is not a valid ", dtype_name(dtype_of<T>()), ": ",
                              printable(field));
    }
    return {};
  }

  char delimiter_ = ',';
  bool quotes_ = true;
  std::string missing_;
  Columns columns_;
};

constexpr KernelDef kKernels[] = {portable_kernel<CsvKernel>()};

constexpr std::string_view kDoc = R"(The fields of records in CSV, a tensor a column.
  records  string[...]   record_defaults  one value a field, for those that are empty; none: then it must be there
  returns  a tensor a field, of the shape of records
  field_delim parts fields; use_quote_delim takes "quoted, ""fields""" as one; na_value is as good as empty;
  select_cols names the columns wanted.
  Errors: InvalidArgument naming field and record.   Source: TensorFlow parsing_ops DecodeCSV; RFC 4180.)";

}  // namespace

extern const OpDef op_DecodeCSV;
const OpDef op_DecodeCSV = {
    .name = "DecodeCSV",
    .inputs = "records: string, record_defaults: OUT_TYPE",
    .outputs = "output: OUT_TYPE",
    .attrs =
        "OUT_TYPE: list(type) >= 1; field_delim: string = ','; use_quote_delim: bool = true; na_value: string = ''; "
        "select_cols: list(int) = []",
    .infer = infer_csv,
    .kernels = kKernels,
};

TARN_OP_FILE(decode_csv, {&op_DecodeCSV, kDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
