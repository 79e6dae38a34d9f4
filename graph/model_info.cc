#include "graph/model_info.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>

#include "core/strings.h"
#include "graph/graph_def.h"
#include "proto/model_info.pb.h"
#include "runtime/quantize.h"

namespace tarn {
namespace {

template <class T, class Message>
void export_tensor(const T& tensor, Message& out) {
  out.set_name(tensor.name);
  out.set_dtype(static_cast<pb::DataType>(tensor.dtype));
  pb::TensorShapeProto& shape = *out.mutable_shape();  // there, if a scalar's
  for (int d = 0; d < tensor.shape.rank(); ++d) shape.add_dim()->set_size(tensor.shape.dim(d));
}

// The fields have the message's numbers: what is added there needs no line here.
void export_fields(const std::vector<MetadataField>& fields, google::protobuf::Message& out) {
  for (const MetadataField& field : fields) {
    if (!field.is_set()) continue;
    const google::protobuf::FieldDescriptor* to =
        out.GetDescriptor()->FindFieldByNumber(static_cast<int>(field.number));
    const google::protobuf::Reflection& reflection = *out.GetReflection();
    if (field.text != nullptr) {
      reflection.SetString(&out, to, *field.text);
    } else if (field.lines != nullptr) {
      for (const std::string& line : *field.lines) reflection.AddString(&out, to, line);
    } else if (field.numbers != nullptr) {
      for (double number : *field.numbers) reflection.AddDouble(&out, to, number);
    } else {
      reflection.SetUInt32(&out, to, *field.count);
    }
  }
}

void export_metadata(Metadata metadata, pb::Metadata& out) {
  export_fields(metadata_fields(metadata), out);
  for (Metadata::Input& input : metadata.inputs) export_fields(metadata_fields(input), *out.add_input());
  for (Metadata::Output& output : metadata.outputs) export_fields(metadata_fields(output), *out.add_output());
}

// Nothing but its name.
template <class Record>
bool is_bare(Record& record) {
  std::vector<MetadataField> fields = metadata_fields(record);
  return std::none_of(fields.begin(), fields.end(),
                      [&](const MetadataField& field) { return field.text != &record.name && field.is_set(); });
}

bool is_bare(const Metadata& metadata) {
  Metadata copy = metadata;
  std::vector<MetadataField> fields = metadata_fields(copy);
  return copy.inputs.empty() && copy.outputs.empty() &&
         std::none_of(fields.begin(), fields.end(), [](const MetadataField& field) { return field.is_set(); });
}

void drop_bare(Metadata& metadata) {
  std::erase_if(metadata.inputs, [](Metadata::Input& input) { return is_bare(input); });
  std::erase_if(metadata.outputs, [](Metadata::Output& output) { return is_bare(output); });
}

template <class Record>
Record& record_of(std::vector<Record>& records, std::string_view name) {
  auto found = std::find_if(records.begin(), records.end(), [&](const Record& record) { return record.name == name; });
  if (found != records.end()) return *found;
  return records.emplace_back(Record{.name = std::string(name)});
}

MetadataField field_named(std::vector<MetadataField> fields, std::string_view name) {
  for (const MetadataField& field : fields) {
    if (field.name == name) return field;
  }
  return {};
}

// Of a key that parse_metadata_key() took, with a tensor's name in it.
MetadataField field_at(Metadata& metadata, const MetadataKey& key) {
  switch (key.of) {
    case MetadataKey::Of::kInput:
      return field_named(metadata_fields(record_of(metadata.inputs, key.tensor)), key.field);
    case MetadataKey::Of::kOutput:
      return field_named(metadata_fields(record_of(metadata.outputs, key.tensor)), key.field);
    case MetadataKey::Of::kModel: break;
  }
  return field_named(metadata_fields(metadata), key.field);
}

template <class Number>
Result<Number> number_of(std::string_view text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return invalid_argument("expected ", std::is_integral_v<Number> ? "a whole number" : "a number", ", found ",
                          quoted(text));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines = str_split(text, '\n');
  for (std::string& line : lines) {
    if (line.ends_with('\r')) line.pop_back();
  }
  if (!lines.empty() && lines.back().empty()) lines.pop_back();  // the end of the last line
  return lines;
}

Status set_field(const MetadataField& field, std::string_view value) {
  if (field.text != nullptr) {
    *field.text = value;
  } else if (field.lines != nullptr) {
    *field.lines = lines_of(value);
  } else if (field.numbers != nullptr) {
    std::vector<double> numbers;
    for (const std::string& item : str_split(value, ',', /*trim=*/true)) {
      TARN_ASSIGN_OR_RETURN(double number, number_of<double>(item));
      numbers.push_back(number);
    }
    *field.numbers = std::move(numbers);
  } else {
    TARN_ASSIGN_OR_RETURN(*field.count, number_of<uint32_t>(value));
  }
  return {};
}

// What is written in one way alone, so that every app understands it.
Status check_words(const Metadata& metadata) {
  if (!metadata.quantize.empty() && metadata.quantize != kDynamic8Name)
    return invalid_argument("quantize is ", quoted(metadata.quantize), "; there is ", kDynamic8Name);
  for (const Metadata::Input& input : metadata.inputs) {
    const std::string& order = input.color_order;
    if (!order.empty() && order != "RGB" && order != "BGR" && order != "gray")
      return invalid_argument("color_order is ", quoted(order), "; there are RGB, BGR and gray");
    bool is_layout = input.layout.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
    if (!is_layout) return invalid_argument("layout is ", quoted(input.layout), "; expected letters as in NHWC");
  }
  return {};
}

template <class Record>
void merge_records(std::vector<Record>& records, std::vector<Record> from) {
  for (Record& record : from) {
    Record& to = record_of(records, record.name);
    std::vector<MetadataField> fields = metadata_fields(record);
    for (const MetadataField& field : metadata_fields(to)) {
      MetadataField source = field_named(fields, field.name);
      if (source.is_set()) field.take(source);
    }
  }
}

}  // namespace

std::string serialize_model_info(const ModelInfo& info) {
  pb::ModelInfo message;
  if (info.self_test) {
    pb::SelfTest& test = *message.mutable_self_test();
    for (const SelfTest::Input& input : info.self_test->inputs) {
      pb::SelfTest::Input& out = *test.add_input();
      export_tensor(input, out);
      out.set_seed(input.seed);
    }
    for (const SelfTest::Output& output : info.self_test->outputs) {
      pb::SelfTest::Output& out = *test.add_output();
      export_tensor(output, out);
      out.set_step(output.step);
      out.set_values(output.values);
      out.set_range(output.range);
    }
    test.set_tolerance(info.self_test->tolerance);
    test.set_constants_crc32c(info.self_test->constants_crc32c);
  }
  for (const Tuning& tuning : info.tunings) {
    pb::Tuning& out = *message.add_tuning();
    out.set_cpu(tuning.cpu);
    out.set_isa(tuning.isa);
    out.set_threads(tuning.threads);
    for (const Tuning::Choice& choice : tuning.choices) {
      pb::Tuning::Choice& made = *out.add_choice();
      made.set_node(choice.node);
      made.set_way(choice.way);
    }
  }
  if (info.metadata && !is_bare(*info.metadata)) export_metadata(*info.metadata, *message.mutable_metadata());
  return serialize(message);
}

void drop_self_test(Graph& graph) {
  if (graph.model_info.empty()) return;
  Result<ModelInfo> info = parse_model_info(graph.model_info);
  if (info.ok()) info->self_test.reset();
  graph.model_info = info.ok() ? serialize_model_info(*info) : "";
}

Result<Metadata> metadata_of(const Graph& graph) {
  TARN_ASSIGN_OR_RETURN(ModelInfo info, parse_model_info(graph.model_info));
  return std::move(info.metadata).value_or(Metadata());
}

Status store_metadata(Graph& graph, Metadata metadata) {
  drop_bare(metadata);
  TARN_RETURN_IF_ERROR(check_metadata(metadata));
  TARN_RETURN_IF_ERROR(check_words(metadata));
  TARN_ASSIGN_OR_RETURN(ModelInfo info, parse_model_info(graph.model_info));
  info.metadata = std::move(metadata);
  graph.model_info = serialize_model_info(info);
  return {};
}

Status set_metadata(Metadata& metadata, std::string_view key, std::string_view value) {
  TARN_ASSIGN_OR_RETURN(MetadataKey parsed, parse_metadata_key(key));
  if (parsed.of != MetadataKey::Of::kModel && parsed.tensor.empty())
    return invalid_argument(quoted(key), ": of which input or output? Write it as ",
                            parsed.of == MetadataKey::Of::kInput ? "inputs" : "outputs", "/NAME/", parsed.field);
  if (value.empty()) return invalid_argument(quoted(key), ": the value is empty");
  Metadata changed = metadata;
  TARN_RETURN_IF_ERROR(set_field(field_at(changed, parsed), value).with_context(quoted(key)));
  TARN_RETURN_IF_ERROR(check_words(changed));
  metadata = std::move(changed);
  return {};
}

Status unset_metadata(Metadata& metadata, std::string_view key) {
  auto drop = [&](std::string_view of, auto& records) {
    return key.starts_with(of) &&
           std::erase_if(records, [&](const auto& record) { return record.name == key.substr(of.size()); }) > 0;
  };
  if (drop("inputs/", metadata.inputs) || drop("outputs/", metadata.outputs)) return {};
  TARN_RETURN_IF_ERROR(metadata_text(metadata, key).status());
  TARN_ASSIGN_OR_RETURN(MetadataKey parsed, parse_metadata_key(key));
  // A field alone is the first one's that has it, as for reading.
  auto clear_first = [&](auto& records) {
    for (auto& record : records) {
      if (!parsed.tensor.empty() && record.name != parsed.tensor) continue;
      MetadataField field = field_named(metadata_fields(record), parsed.field);
      if (!field.is_set()) continue;
      field.clear();
      return;
    }
  };
  switch (parsed.of) {
    case MetadataKey::Of::kModel: field_at(metadata, parsed).clear(); break;
    case MetadataKey::Of::kInput: clear_first(metadata.inputs); break;
    case MetadataKey::Of::kOutput: clear_first(metadata.outputs); break;
  }
  drop_bare(metadata);
  return {};
}

void merge_metadata(Metadata& metadata, const Metadata& from) {
  Metadata source = from;
  std::vector<MetadataField> fields = metadata_fields(source);
  for (const MetadataField& field : metadata_fields(metadata)) {
    MetadataField other = field_named(fields, field.name);
    if (other.is_set()) field.take(other);
  }
  merge_records(metadata.inputs, std::move(source.inputs));
  merge_records(metadata.outputs, std::move(source.outputs));
}

std::vector<std::string> drop_metadata_of_missing(Graph& graph) {
  Result<Metadata> metadata = metadata_of(graph);
  std::vector<std::string> gone;
  if (!metadata.ok()) return gone;
  auto drop = [&](auto& records) {
    std::erase_if(records, [&](const auto& record) {
      if (graph.find_wire(record.name).ok()) return false;
      gone.push_back(record.name);
      return true;
    });
  };
  drop(metadata->inputs);
  drop(metadata->outputs);
  if (!gone.empty() && !store_metadata(graph, *std::move(metadata)).ok()) gone.clear();
  return gone;
}

}  // namespace tarn
