#include "runtime/metadata.h"

#include <algorithm>
#include <cmath>

#include "core/sorting.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "runtime/model_info.h"

namespace tarn {
namespace {

constexpr std::string_view kInputs = "inputs", kOutputs = "outputs", kJson = "json";

const MetadataField* find_field(const std::vector<MetadataField>& fields, std::string_view name) {
  auto found =
      std::find_if(fields.begin(), fields.end(), [&](const MetadataField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

// Fields only point: who reads changes nothing through them.
template <class Record>
std::vector<MetadataField> fields_of(const Record& record) {
  return metadata_fields(const_cast<Record&>(record));
}

template <class Record>
std::vector<std::string> names_of(const std::vector<Record>& records) {
  std::vector<std::string> names;
  names.reserve(records.size());
  for (const Record& record : records) names.push_back(record.name);
  return names;
}

// Of an input or output: all but its name, which is what it is looked up by.
template <class Record>
std::vector<std::string> own_fields() {
  std::vector<std::string> names;
  Record record;
  for (const MetadataField& field : metadata_fields(record)) {
    if (field.text != &record.name) names.emplace_back(field.name);
  }
  return names;
}

template <class Record>
void append_keys(std::vector<std::string>& keys, std::string_view of, const std::vector<Record>& records) {
  if (!records.empty()) keys.emplace_back(of);
  for (const Record& record : records) {
    for (const MetadataField& field : fields_of(record)) {
      if (field.is_set() && field.text != &record.name) keys.push_back(str_cat(of, "/", record.name, "/", field.name));
    }
  }
}

// "x:0" is "x".
std::string_view plain(std::string_view name) {
  if (name.ends_with(":0")) name.remove_suffix(2);
  return name;
}

template <class Record>
const MetadataField* find_set(const std::vector<Record>& records, const MetadataKey& key,
                              std::vector<MetadataField>& fields) {
  for (const Record& record : records) {
    if (!key.tensor.empty() && plain(record.name) != plain(key.tensor)) continue;
    fields = fields_of(record);
    const MetadataField* field = find_field(fields, key.field);
    if (field != nullptr && field->is_set()) return field;
  }
  return nullptr;
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<size_t>(c >> 4)];
      out += kHex[static_cast<size_t>(c & 15)];
    } else {
      out += c;
    }
  }
  out += '"';
}

// "key": value, of what is set.
void append_json(std::string& out, const std::vector<MetadataField>& fields) {
  for (const MetadataField& field : fields) {
    if (!field.is_set()) continue;
    if (out.back() != '{') out += ", ";
    append_json(out, field.name);
    out += ": ";
    if (field.text != nullptr) {
      append_json(out, *field.text);
    } else if (field.lines != nullptr) {
      for (size_t i = 0; i < field.lines->size(); ++i) {
        out += i == 0 ? "[" : ", ";
        append_json(out, (*field.lines)[i]);
      }
      out += ']';
    } else if (field.numbers != nullptr) {
      str_append(out, "[", str_join(*field.numbers), "]");
    } else {
      str_append(out, *field.count);
    }
  }
}

template <class Record>
void append_json(std::string& out, std::string_view of, const std::vector<Record>& records) {
  if (records.empty()) return;
  if (out.back() != '{') out += ", ";
  str_append(out, "\"", of, "\": [");
  for (const Record& record : records) {
    out += out.back() == '[' ? "{" : ", {";
    append_json(out, fields_of(record));
    out += '}';
  }
  out += ']';
}

Status check_text(const MetadataField& field, std::string_view text, bool is_line) {
  if (size_t bad = first_bad_utf8(text); bad != std::string_view::npos)
    return invalid_argument(field.name, ": ", in_quotes(text), " is no UTF-8 (byte ", bad, ")");
  if (text.find('\0') != std::string_view::npos)
    return invalid_argument(field.name, ": ", in_quotes(text), " has a NUL");
  if (is_line && text.find('\n') != std::string_view::npos)
    return invalid_argument(field.name, ": ", in_quotes(text), " has a line break");
  return {};
}

Status check_fields(const std::vector<MetadataField>& fields) {
  for (const MetadataField& field : fields) {
    if (field.text != nullptr) TARN_RETURN_IF_ERROR(check_text(field, *field.text, /*is_line=*/field.name == "name"));
    if (field.lines != nullptr) {
      for (const std::string& line : *field.lines) TARN_RETURN_IF_ERROR(check_text(field, line, /*is_line=*/true));
    }
    if (field.numbers == nullptr) continue;
    for (double number : *field.numbers) {
      if (!std::isfinite(number)) return invalid_argument(field.name, " is ", number, "; expected a finite number");
    }
  }
  return {};
}

Status check_input(const Metadata::Input& input) {
  for (double number : input.std) {
    if (number <= 0) return invalid_argument("std is ", number, "; expected more than 0");
  }
  if (input.mean.size() > 1 && input.std.size() > 1 && input.mean.size() != input.std.size())
    return invalid_argument("mean has ", input.mean.size(), " numbers and std has ", input.std.size());
  const std::vector<double>& range = input.range;
  if (!range.empty() && (range.size() != 2 || range[0] >= range[1]))
    return invalid_argument("range is ", str_join(range), "; expected the lowest and the highest value");
  return {};
}

template <class Record>
Status check_records(std::string_view of, const std::vector<Record>& records) {
  std::vector<std::string> names = names_of(records);
  sort_values(names);
  if (!names.empty() && names[0].empty()) return invalid_argument(of, ": one has no name");
  if (auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    return invalid_argument(of, ": ", in_quotes(*twice), " is there twice");
  for (const Record& record : records) {
    Status status = check_fields(fields_of(record));
    if constexpr (std::is_same_v<Record, Metadata::Input>) {
      if (status.ok()) status = check_input(record);
    }
    if (!status.ok()) return status.with_context(str_cat(of, " ", in_quotes(record.name)));
  }
  return {};
}

}  // namespace

bool MetadataField::is_set() const {
  if (text != nullptr) return !text->empty();
  if (numbers != nullptr) return !numbers->empty();
  if (lines != nullptr) return !lines->empty();
  return *count != 0;
}

std::string MetadataField::value() const {
  if (text != nullptr) return *text;
  if (numbers != nullptr) return str_join(*numbers, ",");
  if (lines != nullptr) return str_join(*lines, "\n");
  return str_cat(*count);
}

void MetadataField::clear() const {
  if (text != nullptr) text->clear();
  if (numbers != nullptr) numbers->clear();
  if (lines != nullptr) lines->clear();
  if (count != nullptr) *count = 0;
}

void MetadataField::take(const MetadataField& other) const {
  if (text != nullptr) *text = *other.text;
  if (numbers != nullptr) *numbers = *other.numbers;
  if (lines != nullptr) *lines = *other.lines;
  if (count != nullptr) *count = *other.count;
}

std::vector<MetadataField> metadata_fields(Metadata& metadata) {
  return {{.name = "name", .number = 1, .text = &metadata.name},
          {.name = "description", .number = 2, .text = &metadata.description},
          {.name = "author", .number = 3, .text = &metadata.author},
          {.name = "license", .number = 4, .text = &metadata.license},
          {.name = "version", .number = 5, .text = &metadata.version},
          {.name = "quantize", .number = 8, .text = &metadata.quantize}};
}

std::vector<MetadataField> metadata_fields(Metadata::Input& input) {
  return {{.name = "name", .number = 1, .text = &input.name},
          {.name = "kind", .number = 2, .text = &input.kind},
          {.name = "layout", .number = 3, .text = &input.layout},
          {.name = "color_order", .number = 4, .text = &input.color_order},
          {.name = "range", .number = 5, .numbers = &input.range},
          {.name = "mean", .number = 6, .numbers = &input.mean},
          {.name = "std", .number = 7, .numbers = &input.std},
          {.name = "sample_rate", .number = 8, .count = &input.sample_rate}};
}

std::vector<MetadataField> metadata_fields(Metadata::Output& output) {
  return {{.name = "name", .number = 1, .text = &output.name},
          {.name = "kind", .number = 2, .text = &output.kind},
          {.name = "labels", .number = 3, .lines = &output.labels}};
}

Result<MetadataKey> parse_metadata_key(std::string_view key) {
  using Of = MetadataKey::Of;
  Metadata model;
  if (find_field(metadata_fields(model), key) != nullptr) return MetadataKey{Of::kModel, {}, key};
  std::vector<std::string> of_inputs = own_fields<Metadata::Input>(), of_outputs = own_fields<Metadata::Output>();
  auto is_one_of = [](const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  size_t first = key.find('/'), last = key.rfind('/');
  if (first == std::string_view::npos) {
    bool of_input = is_one_of(of_inputs, key), of_output = is_one_of(of_outputs, key);
    if (of_input != of_output) return MetadataKey{of_input ? Of::kInput : Of::kOutput, {}, key};
  } else if (last > first + 1) {
    std::string_view of = key.substr(0, first), tensor = key.substr(first + 1, last - first - 1);
    std::string_view field = key.substr(last + 1);
    if (of == kInputs && is_one_of(of_inputs, field)) return MetadataKey{Of::kInput, tensor, field};
    if (of == kOutputs && is_one_of(of_outputs, field)) return MetadataKey{Of::kOutput, tensor, field};
  }
  std::vector<std::string> names;
  for (const MetadataField& field : metadata_fields(model)) names.emplace_back(field.name);
  return not_found("there is no metadata ", in_quotes(key), "; there are ", str_join(names), ", inputs/NAME/… with ",
                   str_join(of_inputs), ", and outputs/NAME/… with ", str_join(of_outputs));
}

std::vector<std::string> metadata_keys(const Metadata& metadata) {
  std::vector<std::string> keys;
  for (const MetadataField& field : fields_of(metadata)) {
    if (field.is_set()) keys.emplace_back(field.name);
  }
  append_keys(keys, kInputs, metadata.inputs);
  append_keys(keys, kOutputs, metadata.outputs);
  return keys;
}

Status check_metadata(const Metadata& metadata) {
  TARN_RETURN_IF_ERROR(check_fields(fields_of(metadata)));
  TARN_RETURN_IF_ERROR(check_records("input", metadata.inputs));
  return check_records("output", metadata.outputs);
}

Result<std::string> metadata_text(const Metadata& metadata, std::string_view key) {
  if (key == kJson) return metadata_json(metadata);
  if (key == kInputs) return str_join(names_of(metadata.inputs), "\n");
  if (key == kOutputs) return str_join(names_of(metadata.outputs), "\n");
  TARN_ASSIGN_OR_RETURN(MetadataKey parsed, parse_metadata_key(key));
  std::vector<MetadataField> fields;
  const MetadataField* field = nullptr;
  switch (parsed.of) {
    case MetadataKey::Of::kModel:
      fields = fields_of(metadata);
      field = find_field(fields, parsed.field);
      if (!field->is_set()) field = nullptr;
      break;
    case MetadataKey::Of::kInput: field = find_set(metadata.inputs, parsed, fields); break;
    case MetadataKey::Of::kOutput: field = find_set(metadata.outputs, parsed, fields); break;
  }
  if (field != nullptr) return field->value();
  std::vector<std::string> keys = metadata_keys(metadata);
  return not_found("the model does not tell its ", in_quotes(key), "; it tells ",
                   keys.empty() ? "nothing" : str_join(keys));
}

Result<std::string> metadata_text(std::string_view model_info, std::string_view key) {
  TARN_ASSIGN_OR_RETURN(ModelInfo info, parse_model_info(model_info));
  return metadata_text(info.metadata.value_or(Metadata()), key);
}

std::string metadata_json(const Metadata& metadata) {
  std::string out = "{";
  append_json(out, fields_of(metadata));
  append_json(out, kInputs, metadata.inputs);
  append_json(out, kOutputs, metadata.outputs);
  return out + '}';
}

}  // namespace tarn
