#include "runtime/wire_functions.h"

#include <protozero/pbf_reader.hpp>

#include "runtime/wire.h"
#include "runtime/wire_attrs.h"

namespace tarn {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Field numbers of FunctionDefLibrary, FunctionDef, OpDef, OpDef.ArgDef, NodeDef and of a map's entry.
enum LibraryField : uint32_t { kFunction = 1 };
enum FunctionField : uint32_t { kSignature = 1, kNodeDef = 3, kRet = 4, kControlRet = 6 };
enum SignatureField : uint32_t { kSignatureName = 1, kInputArg = 2, kOutputArg = 3 };
enum ArgField : uint32_t { kArgName = 1, kArgType = 3, kTypeAttr = 4, kNumberAttr = 5, kTypeListAttr = 6, kIsRef = 16 };
enum NodeField : uint32_t { kName = 1, kOp = 2, kInput = 3, kAttr = 5 };
enum EntryField : uint32_t { kKey = 1, kValue = 2 };

std::string_view view(const protozero::data_view& data) {
  return {data.data(), data.size()};
}

// Only fields of the expected wire type are taken: what else a file holds is passed over, as protobuf does.
bool is_bytes(const pbf_reader& reader) {
  return reader.wire_type() == pbf_wire_type::length_delimited;
}

ArgSpec read_arg(pbf_reader reader) {
  ArgSpec arg;
  while (next_field(reader)) {
    bool is_number = reader.wire_type() == pbf_wire_type::varint;
    if (is_bytes(reader)) {
      uint32_t tag = reader.tag();
      std::string text(view(reader.get_view()));
      switch (tag) {
        case kArgName: arg.name = std::move(text); break;
        case kTypeAttr: arg.type_attr = std::move(text); break;
        case kNumberAttr: arg.number_attr = std::move(text); break;
        case kTypeListAttr: arg.type_list_attr = std::move(text); break;
        default: break;
      }
    } else if (is_number && reader.tag() == kArgType) {
      int32_t number = reader.get_int32();
      arg.dtype = dtype_is_known(number) ? static_cast<DType>(number) : DType::kInvalid;
    } else if (is_number && reader.tag() == kIsRef) {
      arg.is_ref = reader.get_uint64() != 0;
    } else {
      reader.skip();
    }
  }
  return arg;
}

void read_signature(pbf_reader reader, FunctionLibrary::Function& function) {
  while (next_field(reader)) {
    if (!is_bytes(reader)) {
      reader.skip();
      continue;
    }
    switch (reader.tag()) {
      case kSignatureName: function.name = view(reader.get_view()); break;
      case kInputArg: function.inputs.push_back(read_arg(reader.get_message())); break;
      case kOutputArg: function.outputs.push_back(read_arg(reader.get_message())); break;
      default: reader.skip();
    }
  }
}

FunctionLibrary::Node read_node(pbf_reader reader) {
  FunctionLibrary::Node node;
  while (next_field(reader)) {
    if (!is_bytes(reader)) {
      reader.skip();
      continue;
    }
    switch (reader.tag()) {
      case kName: node.name = view(reader.get_view()); break;
      case kOp: node.op = view(reader.get_view()); break;
      case kInput: node.inputs.push_back(view(reader.get_view())); break;
      case kAttr: node.attrs.push_back(view(reader.get_view())); break;
      default: reader.skip();
    }
  }
  return node;
}

std::pair<std::string_view, std::string_view> read_entry(pbf_reader reader) {
  std::pair<std::string_view, std::string_view> entry;
  while (next_field(reader)) {
    if (is_bytes(reader) && reader.tag() == kKey) {
      entry.first = view(reader.get_view());
    } else if (is_bytes(reader) && reader.tag() == kValue) {
      entry.second = view(reader.get_view());
    } else {
      reader.skip();
    }
  }
  return entry;
}

FunctionLibrary::Function read_function(pbf_reader reader) {
  FunctionLibrary::Function function;
  while (next_field(reader)) {
    if (!is_bytes(reader)) {
      reader.skip();
      continue;
    }
    switch (reader.tag()) {
      case kSignature: read_signature(reader.get_message(), function); break;
      case kNodeDef: function.nodes.push_back(read_node(reader.get_message())); break;
      case kRet: function.returns.insert(read_entry(reader.get_message())); break;
      case kControlRet: function.control_returns.push_back(read_entry(reader.get_message()).second); break;
      default: reader.skip();
    }
  }
  return function;
}

}  // namespace

Result<FunctionLibrary> FunctionLibrary::parse(std::string_view bytes, std::shared_ptr<const void> owner) {
  FunctionLibrary library;
  library.owner_ = std::move(owner);
  try {
    pbf_reader reader(bytes.data(), bytes.size());
    while (next_field(reader)) {
      if (reader.tag() != kFunction || !is_bytes(reader)) {
        reader.skip();
        continue;
      }
      Function function = read_function(reader.get_message());
      for (const Node& node : function.nodes) {
        if (node.name.empty() || node.op.empty()) {
          return invalid_argument("function ", quoted(function.name), ": a node has no ",
                                  node.name.empty() ? "name" : "op");
        }
      }
      std::string_view name = function.name;
      if (name.empty()) return invalid_argument("a function of the library has no name");
      if (!library.functions_.emplace(name, std::move(function)).second)
        return invalid_argument("two functions of the library are called ", quoted(name));
    }
  } catch (const protozero::exception& error) {
    return data_loss("the function library is damaged: ", error.what());
  }
  return library;
}

const FunctionLibrary::Function* FunctionLibrary::find(std::string_view name) const {
  auto it = functions_.find(name);
  return it == functions_.end() ? nullptr : &it->second;
}

std::vector<std::string> FunctionLibrary::names() const {
  std::vector<std::string> names;
  for (const auto& [name, function] : functions_) names.emplace_back(name);
  return names;
}

Result<AttrMap> FunctionLibrary::attrs(const Function& function, const Node& node) const {
  AttrMap attrs;
  auto label = [&] { return str_cat("function ", quoted(function.name), ": ", node_label(node.op, node.name)); };
  for (std::string_view entry : node.attrs) {
    std::string_view key;
    try {
      Result<AttrValue> value = decode_attr_entry(entry, owner_, WireLimits(), 0, key);
      if (!value.ok()) return value.status().with_context(str_cat(label(), ": attr ", quoted(key)));
      attrs.set(key, *std::move(value));
    } catch (const protozero::exception& error) {
      return data_loss(label(), ": attr ", quoted(key), ": ", error.what());
    }
  }
  return attrs;
}

}  // namespace tarn
