// tarn_gen_builder <folder> <parts>: writes ops.h and ops_0.cc … from the op table of this binary: one class an op in
// namespace tarn::ops, as TensorFlow's C++ API has them, with the op's doc as its comment. Run by the build.
//
// A file is left alone if it would not change, so that a new kernel does not recompile every user of ops.h.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>

#include "core/op_schema.h"

namespace tarn {
namespace {

// TensorFlow's C++ API calls some ops otherwise than files do.
struct Alias {
  std::string_view name, op;
};
constexpr Alias kAliases[] = {
    {"Concat", "ConcatV2"}, {"Multiply", "Mul"},   {"Negate", "Neg"},          {"Stack", "Pack"},
    {"Subtract", "Sub"},    {"Unstack", "Unpack"}, {"Variable", "VariableV2"},
};

// Const is written by hand (graph/scope.h), because its value comes in many forms. An old op whose name an alias takes
// (Concat, Variable) has no function; AddNode makes it.
bool is_generated(const OpRegistry& ops, const OpRegistry::Op& op) {
  if (op.def->name == "Const" || op.def->name.starts_with("_")) return false;
  return std::none_of(std::begin(kAliases), std::end(kAliases),
                      [&](const Alias& alias) { return alias.name == op.def->name && ops.find(alias.op) != nullptr; });
}

// "data_format" -> "DataFormat"; "T" stays.
std::string camel_case(std::string_view name) {
  std::string out;
  bool upper = true;
  for (char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

// A name for a parameter or field: neither a C++ keyword nor something the class has already.
std::string field_name(std::string_view name) {
  static const std::set<std::string_view> taken = {
      "alignas", "and", "asm", "auto", "bool", "break", "case", "catch", "char", "class", "concept", "const",
      "continue", "default", "delete", "do", "double", "else", "enum", "explicit", "export", "extern", "false", "float",
      "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "operator", "or",
      "private", "protected", "public", "register", "requires", "return", "short", "signed", "sizeof", "static",
      "struct", "switch", "template", "this", "throw", "true", "try", "typedef", "typename", "union", "unsigned",
      "using", "virtual", "void", "volatile", "while", "xor",
      // members of Output and Operation, and parameters every constructor has
      "op", "index", "wire", "name", "fact", "dtype", "shape", "is_none", "operation", "node", "id", "type", "graph",
      "scope", "attrs"};
  return str_cat(name, taken.contains(name) ? "_" : "");
}

std::string parameter_type(std::string_view kind) {
  if (kind == "string") return "std::string_view";
  if (kind == "int") return "int64_t";
  if (kind == "float") return "float";
  if (kind == "bool") return "bool";
  if (kind == "type") return "::tarn::DType";
  if (kind == "shape") return "const ::tarn::Shape&";
  if (kind == "tensor") return "const ::tarn::Tensor&";
  if (kind == "func") return "const ::tarn::FunctionAttr&";
  if (kind == "list(string)") return "const std::vector<std::string>&";
  if (kind == "list(int)") return "const std::vector<int64_t>&";
  if (kind == "list(float)") return "const std::vector<float>&";
  if (kind == "list(bool)") return "const std::vector<bool>&";
  if (kind == "list(type)") return "const std::vector<::tarn::DType>&";
  if (kind == "list(shape)") return "const std::vector<::tarn::Shape>&";
  if (kind == "list(tensor)") return "const std::vector<::tarn::Tensor>&";
  return "const std::vector<::tarn::FunctionAttr>&";
}

bool is_list(const ArgSpec& arg) {
  return !arg.number_attr.empty() || !arg.type_list_attr.empty();
}

// What one op's class is made of.
struct OpClass {
  explicit OpClass(const OpRegistry::Op& from) : op(from), name(from.def->name) {
    auto follows_from_inputs = [&](const AttrSpec& attr) {
      return std::any_of(op.schema.inputs().begin(), op.schema.inputs().end(), [&](const ArgSpec& arg) {
        return arg.type_attr == attr.name || arg.number_attr == attr.name || arg.type_list_attr == attr.name;
      });
    };
    for (const AttrSpec& attr : op.schema.attrs()) {
      if (follows_from_inputs(attr)) continue;
      (attr.has_default ? optional : required).push_back(&attr);
    }
    bool single = op.schema.outputs().size() == 1 && !is_list(op.schema.outputs()[0]);
    base = single ? "::tarn::Output" : op.schema.outputs().empty() ? "::tarn::Operation" : "";
  }

  // A static function cannot have its class's name, nor that of the class Attrs.
  std::string setter(const AttrSpec& attr) const {
    std::string camel = camel_case(attr.name);
    return camel == name || camel == "Attrs" ? camel + "_" : camel;
  }

  std::string parameters() const {
    std::string out = "const ::tarn::Scope& scope";
    for (const ArgSpec& arg : op.schema.inputs())
      str_append(out, ", const ::tarn::", is_list(arg) ? "InputList& " : "Input& ", field_name(arg.name));
    for (const AttrSpec* attr : required)
      str_append(out, ", ", parameter_type(attr->kind), " ", field_name(attr->name));
    return out;
  }

  const OpRegistry::Op& op;
  std::string name, base;
  std::vector<const AttrSpec*> required, optional;
};

void write_comment(std::ostream& out, const OpRegistry::Op& op) {
  std::istringstream lines(std::string(op.entry == nullptr ? "" : op.entry->doc));
  for (std::string line; std::getline(lines, line);) out << (line.empty() ? "//" : "// ") << line << "\n";
}

void write_class(std::ostream& out, const OpClass& c) {
  write_comment(out, c.op);
  out << "class " << c.name << (c.base.empty() ? "" : " : public " + c.base) << " {\n public:\n";
  if (!c.optional.empty()) {
    out << "  class Attrs {\n   public:\n";
    for (const AttrSpec* attr : c.optional) {
      out << "    [[nodiscard]] Attrs " << c.setter(*attr) << "(" << parameter_type(attr->kind) << " value) const {\n"
          << "      Attrs copy = *this;\n      copy.map.set(\"" << attr->name
          << "\", ::tarn::AttrValue(value));\n      return copy;\n    }\n";
    }
    out << "    ::tarn::AttrMap map;\n  };\n";
  }
  const bool one_argument = c.op.schema.inputs().empty() && c.required.empty();
  out << "  " << (one_argument ? "explicit " : "") << c.name << "(" << c.parameters() << ");\n";
  if (!c.optional.empty()) {
    out << "  " << c.name << "(" << c.parameters() << ", const Attrs& attrs);\n";
    for (const AttrSpec* attr : c.optional) {
      out << "  static Attrs " << c.setter(*attr) << "(" << parameter_type(attr->kind) << " value) { return Attrs()."
          << c.setter(*attr) << "(value); }\n";
    }
  }
  const std::vector<ArgSpec>& outputs = c.op.schema.outputs();
  if (outputs.size() == 1 && is_list(outputs[0])) {
    std::string field = field_name(outputs[0].name);
    out << "  operator ::tarn::InputList() const { return " << field << "; }\n"
        << "  const ::tarn::Output& operator[](size_t i) const { return " << field << "[i]; }\n";
  }
  out << "\n  ::tarn::Operation operation;\n";
  for (const ArgSpec& output : outputs)
    out << "  " << (is_list(output) ? "::tarn::OutputList " : "::tarn::Output ") << field_name(output.name) << ";\n";
  out << "\n private:\n  void make(" << c.parameters() << ", ::tarn::AttrMap map);\n};\n\n";
}

void write_definition(std::ostream& out, const OpClass& c) {
  std::string arguments = "scope";
  std::string args;
  for (const ArgSpec& arg : c.op.schema.inputs()) {
    str_append(arguments, ", ", field_name(arg.name));
    str_append(args, args.empty() ? "" : ", ", field_name(arg.name));
  }
  for (const AttrSpec* attr : c.required) str_append(arguments, ", ", field_name(attr->name));

  out << "void " << c.name << "::make(" << c.parameters() << ", ::tarn::AttrMap map) {\n";
  for (const AttrSpec* attr : c.required)
    out << "  map.set(\"" << attr->name << "\", ::tarn::AttrValue(" << field_name(attr->name) << "));\n";
  out << "  operation = ::tarn::AddNode(scope, \"" << c.op.def->name << "\", {" << args << "}, std::move(map));\n";
  const std::vector<ArgSpec>& outputs = c.op.schema.outputs();
  const bool has_lists = std::any_of(outputs.begin(), outputs.end(), is_list);
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string field = field_name(outputs[i].name);
    if (is_list(outputs[i])) {
      out << "  " << field << " = ::tarn::OutputsOfArg(operation, " << i << ");\n";
    } else if (has_lists) {
      out << "  if (::tarn::OutputList list = ::tarn::OutputsOfArg(operation, " << i << "); !list.empty()) " << field
          << " = list[0];\n";
    } else {
      out << "  " << field << " = operation.output(" << i << ");\n";
    }
  }
  if (c.base == "::tarn::Output")
    out << "  static_cast<::tarn::Output&>(*this) = " << field_name(outputs[0].name) << ";\n";
  if (c.base == "::tarn::Operation") out << "  static_cast<::tarn::Operation&>(*this) = operation;\n";
  out << "}\n" << c.name << "::" << c.name << "(" << c.parameters() << ") { make(" << arguments << ", {}); }\n";
  if (!c.optional.empty()) {
    out << c.name << "::" << c.name << "(" << c.parameters() << ", const Attrs& attrs) { make(" << arguments
        << ", attrs.map); }\n";
  }
  out << "\n";
}

bool write_if_changed(const std::string& path, const std::string& text) {
  std::ifstream old(path, std::ios::binary);
  std::stringstream was;
  was << old.rdbuf();
  if (old && was.str() == text) return true;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) fprintf(stderr, "tarn_gen_builder: cannot write '%s'\n", path.c_str());
  return static_cast<bool>(file);
}

int generate(const std::string& folder, int parts) {
  const OpRegistry ops(op_files);
  for (const std::string& error : ops.errors()) fprintf(stderr, "tarn_gen_builder: %s\n", error.c_str());
  if (!ops.errors().empty()) return 1;

  std::ostringstream header;
  header
      << "// Builder functions for every op, generated from the op table by graph/gen_builder.cc.\n"
         "//\n"
         "//   auto y = ops::Conv2D(scope.WithOpName(\"conv1\"), x, w, {1, 1, 1, 1}, \"SAME\",\n"
         "//                        ops::Conv2D::DataFormat(\"NHWC\"));\n"
         "//\n"
         "// Inputs come first, then the attrs that have no default, both in the op's order; the rest are setters\n"
         "// that chain. dtype attrs follow from the inputs. An op with one output is that Output; one with several\n"
         "// has a field for each.\n"
         "#pragma once\n\n#include \"graph/scope.h\"\n\nnamespace tarn::ops {\n\n";
  std::vector<std::ostringstream> sources(static_cast<size_t>(parts));
  for (std::ostringstream& source : sources) {
    source << "// Generated by graph/gen_builder.cc.\n#include \"graph/ops.h\"\n\nnamespace tarn::ops {\n\n";
  }
  size_t count = 0;
  for (const OpRegistry::Op& op : ops.ops()) {
    if (!is_generated(ops, op)) continue;
    OpClass c(op);
    write_class(header, c);
    write_definition(sources[count++ % sources.size()], c);
  }
  for (const Alias& alias : kAliases) {
    if (ops.find(alias.op) != nullptr) header << "using " << alias.name << " = " << alias.op << ";\n";
  }
  header << "\n}  // namespace tarn::ops\n";
  bool ok = write_if_changed(folder + "/ops.h", header.str());
  for (size_t part = 0; part < sources.size(); ++part) {
    sources[part] << "}  // namespace tarn::ops\n";
    ok = write_if_changed(str_cat(folder, "/ops_", part, ".cc"), sources[part].str()) && ok;
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  int parts = argc == 3 ? atoi(argv[2]) : 0;
  if (parts < 1) {
    fprintf(stderr, "usage: tarn_gen_builder <folder> <number of source files>\n");
    return 2;
  }
  return tarn::generate(argv[1], parts);
}
