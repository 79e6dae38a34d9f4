#include "runtime/wire_functions.h"

#include "core/proto_reader.h"
#include "runtime/wire.h"
#include "runtime/wire_attrs.h"

namespace tarn {
namespace {

// Field numbers of FunctionDefLibrary, FunctionDef, OpDef, OpDef.ArgDef, NodeDef and of a map's entry.
enum LibraryField : uint32_t { kFunction = 1 };
enum FunctionField : uint32_t { kSignature = 1, kNodeDef = 3, kRet = 4, kControlRet = 6 };
enum SignatureField : uint32_t { kSignatureName = 1, kInputArg = 2, kOutputArg = 3 };
enum ArgField : uint32_t { kArgName = 1, kArgType = 3, kTypeAttr = 4, kNumberAttr = 5, kTypeListAttr = 6, kIsRef = 16 };
enum NodeField : uint32_t { kName = 1, kOp = 2, kInput = 3, kAttr = 5 };
enum EntryField : uint32_t { kKey = 1, kValue = 2 };

// Only fields of the expected wire type are taken: what else a file holds is passed over, as protobuf does.
Result<ArgSpec> read_arg(std::string_view message) {
  ArgSpec arg;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.is_bytes()) {
      switch (reader.field()) {
        case kArgName: arg.name = reader.bytes(); break;
        case kTypeAttr: arg.type_attr = reader.bytes(); break;
        case kNumberAttr: arg.number_attr = reader.bytes(); break;
        case kTypeListAttr: arg.type_list_attr = reader.bytes(); break;
        default: break;
      }
    } else if (reader.is_varint() && reader.field() == kArgType) {
      int32_t number = reader.as_int32();
      arg.dtype = dtype_is_known(number) ? static_cast<DType>(number) : DType::kInvalid;
    } else if (reader.is_varint() && reader.field() == kIsRef) {
      arg.is_ref = reader.varint() != 0;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return arg;
}

Status read_signature(std::string_view message, FunctionLibrary::Function& function) {
  ProtoReader reader(message);
  while (reader.next()) {
    if (!reader.is_bytes()) continue;
    if (reader.field() == kSignatureName) function.name = reader.bytes();
    if (reader.field() == kInputArg || reader.field() == kOutputArg) {
      TARN_ASSIGN_OR_RETURN(ArgSpec arg, read_arg(reader.bytes()));
      (reader.field() == kInputArg ? function.inputs : function.outputs).push_back(std::move(arg));
    }
  }
  return reader.status();
}

Result<FunctionLibrary::Node> read_node(std::string_view message) {
  FunctionLibrary::Node node;
  ProtoReader reader(message);
  while (reader.next()) {
    if (!reader.is_bytes()) continue;
    switch (reader.field()) {
      case kName: node.name = reader.bytes(); break;
      case kOp: node.op = reader.bytes(); break;
      case kInput: node.inputs.push_back(reader.bytes()); break;
      case kAttr: node.attrs.push_back(reader.bytes()); break;
      default: break;
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return node;
}

using Entry = std::pair<std::string_view, std::string_view>;
Result<Entry> read_entry(std::string_view message) {
  Entry entry;
  ProtoReader reader(message);
  while (reader.next()) {
    if (reader.is_bytes() && reader.field() == kKey) entry.first = reader.bytes();
    if (reader.is_bytes() && reader.field() == kValue) entry.second = reader.bytes();
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return entry;
}

Result<FunctionLibrary::Function> read_function(std::string_view message) {
  FunctionLibrary::Function function;
  ProtoReader reader(message);
  while (reader.next()) {
    if (!reader.is_bytes()) continue;
    if (reader.field() == kSignature) TARN_RETURN_IF_ERROR(read_signature(reader.bytes(), function));
    if (reader.field() == kNodeDef) {
      TARN_ASSIGN_OR_RETURN(FunctionLibrary::Node node, read_node(reader.bytes()));
      function.nodes.push_back(std::move(node));
    }
    if (reader.field() == kRet || reader.field() == kControlRet) {
      TARN_ASSIGN_OR_RETURN(Entry entry, read_entry(reader.bytes()));
      if (reader.field() == kRet) function.returns.insert(entry);
      if (reader.field() == kControlRet) function.control_returns.push_back(entry.second);
    }
  }
  TARN_RETURN_IF_ERROR(reader.status());
  return function;
}

}  // namespace

Result<FunctionLibrary> FunctionLibrary::parse(std::string_view bytes, std::shared_ptr<const void> owner) {
  FunctionLibrary library;
  library.owner_ = std::move(owner);
  auto damaged = [](std::string_view problem) { return data_loss("the function library is damaged: ", problem); };
  ProtoReader reader(bytes);
  while (reader.next()) {
    if (reader.field() != kFunction || !reader.is_bytes()) continue;
    Result<Function> read = read_function(reader.bytes());
    if (!read.ok()) return damaged(read.status().message());
    Function& function = *read;
    for (const Node& node : function.nodes) {
      if (node.name.empty() || node.op.empty()) {
        return invalid_argument("function ", in_quotes(function.name), ": a node has no ",
                                node.name.empty() ? "name" : "op");
      }
    }
    std::string_view name = function.name;
    if (name.empty()) return invalid_argument("a function of the library has no name");
    if (!library.functions_.emplace(name, std::move(function)).second)
      return invalid_argument("two functions of the library are called ", in_quotes(name));
  }
  if (!reader.ok()) return damaged(reader.problem());
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
  auto label = [&] { return str_cat("function ", in_quotes(function.name), ": ", node_label(node.op, node.name)); };
  for (std::string_view entry : node.attrs) {
    std::string_view key;
    AttrValue value;
    Status status = decode_attr_entry(entry, owner_, WireLimits(), key, value);
    if (!status.ok()) return status.with_context(str_cat(label(), ": attr ", in_quotes(key)));
    attrs.set(key, std::move(value));
  }
  return attrs;
}

}  // namespace tarn
