#include "runtime/wire.h"

#include <protozero/pbf_reader.hpp>

#include "core/op_schema.h"
#include "core/tensor_name.h"
#include "runtime/wire_attrs.h"

namespace tarn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Field numbers of TensorFlow's messages.
enum GraphField : uint32_t { kNode = 1, kLibrary = 2, kVersion = 3, kVersions = 4 };
enum NodeField : uint32_t { kName = 1, kOp = 2, kInput = 3, kDevice = 4, kAttr = 5 };
enum EntryField : uint32_t { kKey = 1, kValue = 2 };

std::string_view view(const protozero::data_view& data) {
  return {data.data(), data.size()};
}

// What a protozero exception means, for a message.
std::string_view describe(const protozero::exception& error) {
  if (dynamic_cast<const protozero::end_of_buffer_exception*>(&error) != nullptr)
    return "a field is longer than what is left of the file";
  if (dynamic_cast<const protozero::varint_too_long_exception*>(&error) != nullptr)
    return "a number is longer than 10 bytes";
  if (dynamic_cast<const protozero::unknown_pbf_wire_type_exception*>(&error) != nullptr)
    return "a field has an unknown wire type";
  if (dynamic_cast<const protozero::invalid_tag_exception*>(&error) != nullptr)
    return "a field number is 0 or reserved";
  return error.what();
}

bool is_bytes(const pbf_reader& reader) {
  return reader.wire_type() == pbf_wire_type::length_delimited;
}

}  // namespace

Result<std::unique_ptr<WireGraph>> WireGraph::parse(std::string_view bytes, std::shared_ptr<const void> owner,
                                                    std::string file, const WireLimits& limits) {
  std::unique_ptr<WireGraph> graph(new WireGraph);
  graph->file_ = std::move(file);
  graph->bytes_ = bytes;
  graph->owner_ = std::move(owner);
  graph->limits_ = limits;
  if (bytes.empty()) return invalid_argument(quoted(graph->file_), ": empty model file");
  Status status = graph->read_nodes(limits);
  if (status.ok()) status = graph->link(limits);
  if (!status.ok()) return status.with_context(quoted(graph->file_));
  return graph;
}

Status WireGraph::read_nodes(const WireLimits& limits) {
  pbf_reader file(bytes_.data(), bytes_.size());
  const char* field_start = bytes_.data();  // of the top-level field being read, for offsets
  auto offset = [&] { return field_start - bytes_.data(); };
  try {
    for (;; field_start = file.data().data()) {
      if (!file.next()) break;
      if (file.tag() != kNode || !is_bytes(file)) {
        if (file.tag() == kNode || (file.tag() == kLibrary && !is_bytes(file))) {
          return data_loss("not a GraphDef: field ", file.tag(), " at byte ", offset(), " has the wrong wire type");
        }
        file.skip();
        continue;
      }
      if (static_cast<int64_t>(nodes_.size()) == limits.max_nodes) {
        return resource_exhausted("more than ", limits.max_nodes, " nodes (at byte ", offset(), ")");
      }
      NodeRecord record;
      record.attrs_begin = attrs_.size();
      record.input_names_begin = input_names_.size();
      pbf_reader node = file.get_message();
      while (node.next()) {
        if (!is_bytes(node)) {
          if (node.tag() >= kName && node.tag() <= kAttr) {
            return data_loss("node ", nodes_.size(), " at byte ", offset(), ": field ", node.tag(),
                             " has the wrong wire type");
          }
          node.skip();
          continue;
        }
        switch (node.tag()) {
          case kName: record.name = view(node.get_view()); break;
          case kOp: record.op = view(node.get_view()); break;
          case kInput: input_names_.push_back(view(node.get_view())); break;
          case kAttr: attrs_.push_back(view(node.get_view())); break;
          default: node.skip();
        }
      }
      record.attrs_end = attrs_.size();
      record.input_names_end = input_names_.size();
      if (static_cast<int64_t>(record.input_names_end - record.input_names_begin) > limits.max_inputs_per_node) {
        return resource_exhausted("node ", quoted(record.name), " has ",
                                  record.input_names_end - record.input_names_begin, " inputs; the limit is ",
                                  limits.max_inputs_per_node);
      }
      nodes_.push_back(record);
    }
  } catch (const protozero::exception& error) {
    return data_loss("not a GraphDef, or damaged: ", describe(error), " (in the field at byte ", offset(), " of ",
                     bytes_.size(), ")");
  }
  return {};
}

Status WireGraph::link(const WireLimits&) {
  Problems problems;
  by_name_.reserve(nodes_.size());
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const NodeRecord& record = nodes_[n];
    Status status = check_node_name(record.name);
    if (!status.ok()) problems.add(status.with_context(str_cat("node ", n)));
    auto [it, fresh] = by_name_.emplace(record.name, static_cast<int>(n));
    if (!fresh)
      problems.add(str_cat("node name ", quoted(record.name), " is used twice: by nodes ", it->second, " and ", n));
    if (record.op.empty()) problems.add(str_cat("node ", quoted(record.name), " has no op"));
  }
  std::vector<std::string> known;  // for did_you_mean, made only when needed
  for (NodeRecord& record : nodes_) {
    record.inputs_begin = inputs_.size();
    record.controls_begin = controls_.size();
    std::string label = node_label(record.op, record.name);
    for (size_t i = record.input_names_begin; i < record.input_names_end; ++i) {
      size_t position = i - record.input_names_begin;
      Result<TensorName> name = parse_tensor_name(input_names_[i]);
      if (!name.ok()) {
        problems.add(name.status().with_context(str_cat(label, ": input ", position)));
        continue;
      }
      auto producer = by_name_.find(name->node);
      if (producer == by_name_.end()) {
        if (known.empty()) known = names();
        problems.add(invalid_argument(label, ": input ", position, " ", quoted(input_names_[i]),
                                      " names no node of the graph", did_you_mean(name->node, known)));
        continue;
      }
      if (name->is_control) {
        controls_.push_back(producer->second);
      } else if (controls_.size() > record.controls_begin) {
        problems.add(str_cat(label, ": input ", position, " ", quoted(input_names_[i]),
                             " follows a control input; data inputs come first"));
      } else {
        inputs_.push_back({producer->second, name->slot});
      }
    }
    record.inputs_end = inputs_.size();
    record.controls_end = controls_.size();
  }
  return problems.to_status("");
}

std::span<const Wire> WireGraph::inputs(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  return std::span<const Wire>(inputs_).subspan(record.inputs_begin, record.inputs_end - record.inputs_begin);
}

std::span<const int> WireGraph::controls(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  return std::span<const int>(controls_).subspan(record.controls_begin, record.controls_end - record.controls_begin);
}

int WireGraph::find(std::string_view name) const {
  auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

std::vector<std::string> WireGraph::names() const {
  std::vector<std::string> names;
  for (const NodeRecord& record : nodes_) names.emplace_back(record.name);
  return names;
}

Result<AttrMap> WireGraph::attrs(int node) const {
  const NodeRecord& record = nodes_[static_cast<size_t>(node)];
  std::string label = node_label(record.op, record.name);
  AttrMap attrs;
  Problems problems;
  for (size_t i = record.attrs_begin; i < record.attrs_end; ++i) {
    std::string_view key, message;
    try {
      pbf_reader entry(attrs_[i].data(), attrs_[i].size());
      while (entry.next()) {
        if (is_bytes(entry) && entry.tag() == kKey) {
          key = view(entry.get_view());
        } else if (is_bytes(entry) && entry.tag() == kValue) {
          message = view(entry.get_view());
        } else {
          entry.skip();
        }
      }
      Result<AttrValue> value = decode_attr_value(message, owner_, limits_, 0);
      if (value.ok()) {
        attrs.set(key, *std::move(value));
      } else {
        problems.add(value.status().with_context(str_cat(label, ": attr ", quoted(key))));
      }
    } catch (const protozero::exception& error) {
      problems.add(data_loss(label, ": attr ", quoted(key), ": ", describe(error), " (at byte ",
                             attrs_[i].data() - bytes_.data(), ")"));
    }
  }
  TARN_RETURN_IF_ERROR(problems.to_status("").with_node(record.name));
  return attrs;
}

}  // namespace tarn
