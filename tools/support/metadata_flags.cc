#include "tools/support/metadata_flags.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "graph/model_info.h"
#include "tools/support/graph_ends.h"

namespace tarn {
namespace {

using nlohmann::json;

std::string kind_of(const json& value) {
  return value.type_name();
}

Result<double> number_of(const json& value) {
  if (!value.is_number()) return invalid_argument("expected a number, found ", kind_of(value));
  return value.get<double>();
}
Result<std::string> text_of(const json& value) {
  if (!value.is_string()) return invalid_argument("expected text, found ", kind_of(value));
  return value.get<std::string>();
}

// One value, or a list of them.
template <class T, class Read>
Status read_list(const json& value, std::vector<T>& to, const Read& read) {
  if (!value.is_array()) {
    TARN_ASSIGN_OR_RETURN(T one, read(value));
    to.push_back(std::move(one));
    return {};
  }
  for (const json& item : value) {
    TARN_ASSIGN_OR_RETURN(T one, read(item));
    to.push_back(std::move(one));
  }
  return {};
}

Status read_value(const json& value, const MetadataField& field) {
  if (field.numbers != nullptr) return read_list(value, *field.numbers, number_of);
  if (field.lines != nullptr) return read_list(value, *field.lines, text_of);
  if (field.text != nullptr) {
    TARN_ASSIGN_OR_RETURN(*field.text, text_of(value));
    return {};
  }
  constexpr double kMost = 4294967295;
  TARN_ASSIGN_OR_RETURN(double number, number_of(value));
  if (!(number >= 0 && number <= kMost) || number != static_cast<uint32_t>(number))
    return invalid_argument("expected a whole number, found ", number);
  *field.count = static_cast<uint32_t>(number);
  return {};
}

// `other` takes what is no field; says whether it did.
template <class Other>
Status read_object(const json& object, const std::vector<MetadataField>& fields, const Other& other) {
  if (!object.is_object()) return invalid_argument("expected {…}, found ", kind_of(object));
  for (const auto& [key, value] : object.items()) {
    auto field =
        std::find_if(fields.begin(), fields.end(), [&, &name = key](const MetadataField& f) { return f.name == name; });
    if (field != fields.end()) {
      TARN_RETURN_IF_ERROR(read_value(value, *field).with_context(tarn::quoted(key)));
      continue;
    }
    TARN_ASSIGN_OR_RETURN(bool is_taken, other(key, value));
    if (is_taken) continue;
    std::vector<std::string> names;
    for (const MetadataField& known : fields) names.emplace_back(known.name);
    return not_found("there is no ", tarn::quoted(key), "; there are ", str_join(names));
  }
  return {};
}

template <class Record>
Status read_records(const std::string& of, const json& list, std::vector<Record>& records) {
  if (!list.is_array()) return invalid_argument(tarn::quoted(of), ": expected [{…}, …], found ", kind_of(list));
  for (const json& object : list) {
    Record& record = records.emplace_back();
    auto none = [](const std::string&, const json&) -> Result<bool> { return false; };
    TARN_RETURN_IF_ERROR(read_object(object, metadata_fields(record), none)
                             .with_context(str_cat(tarn::quoted(of), " ", records.size() - 1)));
    if (record.name.empty()) return invalid_argument(tarn::quoted(of), " ", records.size() - 1, ": there is no 'name'");
  }
  return {};
}

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  // of a file with labels or JSON

Result<Metadata> read_json(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path, kMostBytes));
  Result<Metadata> metadata = metadata_from_json(text);
  if (!metadata.ok()) return metadata.status().with_context(printable(path));
  return metadata;
}

// "mean" of a graph with one input is "inputs/x/mean".
Result<std::string> full_key(const std::string& key, const Graph& graph, const std::string& path,
                             const std::vector<std::string>& outputs) {
  TARN_ASSIGN_OR_RETURN(MetadataKey parsed, parse_metadata_key(key));
  if (parsed.of == MetadataKey::Of::kModel || !parsed.tensor.empty()) return key;
  bool of_input = parsed.of == MetadataKey::Of::kInput;
  std::vector<std::string> names = of_input ? likely_inputs(graph, outputs) : outputs;
  if (!of_input && names.empty()) names = likely_outputs(graph);
  std::string_view of = of_input ? "inputs" : "outputs";
  if (names.size() == 1) return str_cat(of, "/", names[0], "/", key);
  std::vector<std::string> keys;
  for (const std::string& name : names) keys.push_back(tarn::quoted(str_cat(of, "/", name, "/", key)));
  return invalid_argument(printable(path), " has ", names.size(), " ", of, ": which one's ", tarn::quoted(key),
                          "? There are ", keys.empty() ? "none" : str_join(keys));
}

Status check_names(const Metadata& metadata, const Graph& graph, const std::string& path) {
  Problems problems;
  for (const Metadata::Input& input : metadata.inputs) {
    Result<Wire> wire = graph.find_wire(input.name);
    problems.add(wire.status().with_context("metadata of an input"));
    if (!wire.ok()) continue;
    const Shape& shape = graph.fact(*wire).shape;
    bool is_first = input.layout == "NCHW" || input.layout == "CHW";
    int channel_dim = is_first ? -3 : -1;
    bool has_channels = shape.has_rank() && shape.rank() >= 3 && shape.dim(channel_dim) != kUnknownDim;
    if (!has_channels) continue;
    int64_t channels = shape.dim(channel_dim);
    for (const auto& [what, numbers] : {std::pair("mean", &input.mean), std::pair("std", &input.std)}) {
      if (numbers->size() > 1 && static_cast<int64_t>(numbers->size()) != channels)
        problems.add(invalid_argument(tarn::quoted(input.name), " takes ", channels, " channels (", shape,
                                      "), but its ", what, " has ", numbers->size(), " numbers"));
    }
  }
  for (const Metadata::Output& output : metadata.outputs) {
    Result<Wire> wire = graph.find_wire(output.name);
    problems.add(wire.status().with_context("metadata of an output"));
    if (!wire.ok() || output.labels.empty()) continue;
    const Shape& shape = graph.fact(*wire).shape;
    if (!shape.has_rank() || shape.rank() == 0 || shape.dim(-1) == kUnknownDim) continue;
    int64_t scores = shape.dim(-1);
    if (scores != static_cast<int64_t>(output.labels.size()))
      problems.add(invalid_argument(tarn::quoted(output.name), " gives ", scores, " scores (", shape,
                                    "), but there are ", output.labels.size(), " labels"));
  }
  return problems.to_status(printable(path));
}

}  // namespace

Status MetadataChanges::check_files() const {
  if (!labels.empty()) TARN_RETURN_IF_ERROR(read_labels(labels).status());
  if (!json.empty()) TARN_RETURN_IF_ERROR(read_json(json).status());
  return {};
}

Result<Metadata> metadata_from_json(std::string_view text) {
  json root;
  try {
    root = json::parse(text);
  } catch (const json::exception& error) {
    return invalid_argument("no JSON: ", printable(error.what()));
  }
  Metadata metadata;
  auto read_tensors = [&](const std::string& key, const json& value) -> Result<bool> {
    if (key == "inputs") {
      TARN_RETURN_IF_ERROR(read_records(key, value, metadata.inputs));
    } else if (key == "outputs") {
      TARN_RETURN_IF_ERROR(read_records(key, value, metadata.outputs));
    } else {
      return false;
    }
    return true;
  };
  TARN_RETURN_IF_ERROR(read_object(root, metadata_fields(metadata), read_tensors));
  TARN_RETURN_IF_ERROR(check_metadata(metadata));
  return metadata;
}

Result<std::vector<std::string>> read_labels(const std::string& path) {
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path, kMostBytes));
  std::vector<std::string> labels = str_split(text, '\n', /*trim=*/true);
  for (std::string& label : labels) {
    while (label.ends_with('\r')) label.pop_back();
  }
  if (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) return invalid_argument(printable(path), ": no label in it");
  return labels;
}

Status change_metadata(Metadata& metadata, const MetadataChanges& changes, const Graph& graph, const std::string& path,
                       const std::vector<std::string>& outputs) {
  Metadata changed = metadata;
  if (!changes.json.empty()) {
    TARN_ASSIGN_OR_RETURN(Metadata from, read_json(changes.json));
    merge_metadata(changed, from);
  }
  for (const std::string& key : changes.unset) {
    Status status = unset_metadata(changed, key);
    if (!status.ok()) return status.with_context(printable(path));
  }
  if (!changes.labels.empty()) {
    TARN_ASSIGN_OR_RETURN(std::vector<std::string> labels, read_labels(changes.labels));
    TARN_ASSIGN_OR_RETURN(std::string key, full_key("labels", graph, path, outputs));
    Status status = set_metadata(changed, key, str_join(labels, "\n") + "\n");
    if (status.ok()) status = check_metadata(changed);
    if (!status.ok()) return status.with_context(printable(changes.labels));
  }
  for (const auto& [key, value] : changes.set) {
    TARN_ASSIGN_OR_RETURN(std::string full, full_key(key, graph, path, outputs));
    TARN_RETURN_IF_ERROR(set_metadata(changed, full, value));
  }
  TARN_RETURN_IF_ERROR(check_metadata(changed));
  TARN_RETURN_IF_ERROR(check_names(changed, graph, path));
  metadata = std::move(changed);
  return {};
}

std::vector<std::string> drop_untrue_metadata(Graph& graph, const std::string& path, GraphFormat format) {
  std::vector<std::string> lost;
  for (const std::string& name : drop_metadata_of_missing(graph))
    lost.push_back(str_cat("what was told of ", tarn::quoted(name), " (metadata) is dropped: it is gone"));
  if (format == GraphFormat::kByExtension) format = graph_format_of(path);
  Result<Metadata> metadata = metadata_of(graph);
  if (format == GraphFormat::kPbtxt && metadata.ok() && !metadata_keys(*metadata).empty())
    lost.push_back(str_cat(printable(path), ": text for TensorFlow has no place for metadata (",
                           str_join(metadata_keys(*metadata)), "); it is left out"));
  return lost;
}

std::string metadata_lines(const std::vector<MetadataField>& fields, std::string_view indent) {
  constexpr size_t kMostShown = 5;
  std::string out;
  for (const MetadataField& field : fields) {
    if (!field.is_set()) continue;
    str_append(out, indent, field.name, ": ");
    if (field.lines == nullptr) {
      str_append(out, printable(field.value()), "\n");
      continue;
    }
    std::vector<std::string> shown;
    for (const std::string& line : *field.lines) {
      if (shown.size() < kMostShown) shown.push_back(tarn::quoted(line));
    }
    size_t count = field.lines->size();
    str_append(out, count, " (", str_join(shown), count > kMostShown ? ", …" : "", ")\n");
  }
  return out;
}

}  // namespace tarn
