#include "core/op_schema.h"

#include <algorithm>

#include "core/charconv.h"
#include "core/newer_attrs.h"
#include "core/search.h"
#include "core/sorting.h"

namespace tarn {
namespace {

constexpr int64_t kMostOutputs = 1 << 16;  // N of a Split or Unpack comes from a file

// A cursor over signature text. Signatures are constants of ours, so errors here are defects found by the table test.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool done() {
    skip_space();
    return text_.empty();
  }
  bool take(const char* text) {
    std::string_view token = text;
    skip_space();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  std::string_view word() {
    skip_space();
    size_t n = 0;
    while (n < text_.size() && (is_letter_or_digit(text_[n]) || text_[n] == '_')) ++n;
    return take(n);
  }
  // A number's text: digits, sign, dot, exponent.
  std::string_view number() {
    skip_space();
    size_t n = 0;
    while (n < text_.size() &&
           (is_letter_or_digit(text_[n]) || text_[n] == '-' || text_[n] == '+' || text_[n] == '.')) {
      ++n;
    }
    return take(n);
  }
  std::string_view quoted_text() {
    skip_space();
    char quote = text_.empty() ? '\0' : text_[0];
    if (quote != '\'' && quote != '"') return {};
    text_.remove_prefix(1);
    std::string_view out = take(std::min(text_.find(quote), text_.size()));
    text_.remove_prefix(text_.empty() ? 0 : 1);
    return out;
  }
  bool at(char c) {
    skip_space();
    return !text_.empty() && text_[0] == c;
  }
  std::string_view rest() const { return text_; }

 private:
  static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  }
  std::string_view take(size_t n) {
    std::string_view out = text_.substr(0, n);
    text_.remove_prefix(n);
    return out;
  }

  std::string_view text_;
};

Status parse_arg(Cursor& c, const std::vector<AttrSpec>& attrs, ArgSpec& arg) {
  arg.name = c.word();
  if (arg.name.empty() || !c.take(":")) return internal_error("expected 'name: type' at '", c.rest(), "'");
  if (c.take("Ref(")) arg.is_ref = true;
  std::string_view word = c.word();
  if (c.take("*")) {
    arg.number_attr = word;
    word = c.word();
  }
  if (arg.is_ref && !c.take(")")) return internal_error("missing ')' after Ref(", word);
  for (const AttrSpec& attr : attrs) {
    if (attr.name != word) continue;
    (attr.kind == "list(type)" ? arg.type_list_attr : arg.type_attr) = attr.name;
    return {};
  }
  std::optional<DType> dtype = dtype_from_name(word);
  if (!dtype) return internal_error("'", word, "' is neither a dtype nor an attr");
  arg.dtype = *dtype;
  return {};
}

Status parse_args(std::string_view text, const std::vector<AttrSpec>& attrs, std::vector<ArgSpec>& args) {
  Cursor c(text);
  while (!c.done()) {
    ArgSpec arg;
    TARN_RETURN_IF_ERROR(parse_arg(c, attrs, arg));
    args.push_back(std::move(arg));
    if (!c.take(",") && !c.done()) return internal_error("expected ',' at '", c.rest(), "'");
  }
  return {};
}

float float_of(std::string_view text) {
  float value = 0;
  read_number(text.data(), text.data() + text.size(), value);
  return value;
}

int64_t int_of(std::string_view text) {
  bool is_negative = text.starts_with("-");
  int64_t value = 0;
  for (char c : text.substr(is_negative ? 1 : 0)) value = value * 10 + (c - '0');
  return is_negative ? -value : value;
}

using Type = AttrValue::Type;

// The list of such elements, or the type itself; kCount for what is no type of an attr.
Type type_named(std::string_view word, bool is_list) {
  for (int i = 0; i < static_cast<int>(Type::kCount); ++i) {
    std::string_view kind = AttrValue::kind_of(static_cast<Type>(i));
    if (is_list && kind.starts_with("list(")) {
      kind.remove_prefix(5);
      kind.remove_suffix(1);
    } else if (is_list) {
      continue;
    }
    if (kind == word) return static_cast<Type>(i);
  }
  return Type::kCount;
}

Status parse_default(Cursor& c, Type type, AttrValue& value) {
  switch (type) {
    case Type::kInts:
    case Type::kFloats:
    case Type::kStrings:
    case Type::kTypes:
    case Type::kBools:
    case Type::kShapes:
    case Type::kTensors:
    case Type::kFunctions: {
      if (!c.take("[")) return internal_error("must be a list");
      Type element = type == Type::kInts      ? Type::kInt
                     : type == Type::kFloats  ? Type::kFloat
                     : type == Type::kStrings ? Type::kString
                     : type == Type::kTypes   ? Type::kType
                                              : Type::kCount;
      std::vector<AttrValue> elements;
      while (!c.take("]")) {
        if (c.done()) return internal_error("is unterminated");
        TARN_RETURN_IF_ERROR(parse_default(c, element, elements.emplace_back()));
        c.take(",");
      }
      value = AttrValue::list_of(type, elements);
      return {};
    }
    case Type::kInt: value = int_of(c.number()); return {};
    case Type::kFloat: value = float_of(c.number()); return {};
    case Type::kBool: value = c.word() == "true"; return {};
    case Type::kString: value = c.quoted_text(); return {};
    case Type::kType: value = dtype_from_name(c.word()).value_or(DType::kInvalid); return {};
    case Type::kShape:
      if (c.take("?")) {
        value = Shape::unknown();
      } else if (c.take("[")) {
        Shape shape;
        while (!c.take("]")) {
          if (c.done()) return internal_error("is unterminated");
          shape.add_dim(int_of(c.number()));
          c.take(",");
        }
        value = shape;
      }
      return {};
    default: return internal_error("is of a type without defaults");
  }
}

Status parse_attr(Cursor& c, AttrSpec& attr) {
  attr.name = c.word();
  if (attr.name.empty() || !c.take(":")) return internal_error("expected 'name: kind' at '", c.rest(), "'");
  bool is_list = c.take("list(");
  std::string_view word = "type";
  if (c.take("{")) {  // allowed types or strings
    while (!c.take("}")) {
      if (c.done()) return internal_error("unterminated choices of '", attr.name, "'");
      if (c.at('\'') || c.at('"')) {
        word = "string";
        attr.allowed_strings.emplace_back(c.quoted_text());
      } else {
        std::string_view name = c.word();
        std::optional<DType> dtype = dtype_from_name(name);
        if (!dtype) return internal_error("'", name, "' is no dtype");
        attr.allowed_types.push_back(*dtype);
      }
      c.take(",");
    }
  } else {
    word = c.word();
  }
  Type type = type_named(word, is_list);
  if (type == Type::kCount) return internal_error("'", word, "', of '", attr.name, "', is no kind of attr");
  attr.kind = AttrValue::kind_of(type);
  if (is_list && !c.take(")")) return internal_error("missing ')' in '", attr.name, "'");
  if (c.take(">=")) attr.minimum = int_of(c.number());
  if (!c.take("=")) return {};
  attr.has_default = true;
  return parse_default(c, type, attr.default_value).with_context(str_cat("the default of '", attr.name, "'"));
}

std::string type_names(std::span<const DType> types) {
  std::vector<std::string_view> names;
  for (DType t : types) names.push_back(dtype_name(t));
  return str_join(names);
}

// Judges one attr's value; returns the problem or an empty string.
std::string judge_value(const AttrSpec& spec, const AttrValue& value) {
  if (value.kind() != spec.kind) return str_cat("attr '", spec.name, "': expected ", spec.kind, ", got ", value.kind());
  std::span<const DType> types;
  if (value.is<DType>()) types = {&value.as<DType>(), 1};
  if (value.is<std::vector<DType>>()) types = value.as<std::vector<DType>>();
  for (DType type : types) {
    bool is_any = spec.allowed_types.empty();
    if (is_any ? type != DType::kInvalid : contains(spec.allowed_types, type)) continue;
    return str_cat("attr '", spec.name, "': ", type, " is not one of ",
                   is_any ? "the known types" : type_names(spec.allowed_types));
  }
  if (value.is<std::string>() && !spec.allowed_strings.empty() &&
      !contains(spec.allowed_strings, value.as<std::string>())) {
    return str_cat("attr '", spec.name, "': ", in_quotes(value.as<std::string>()), " is not one of ",
                   str_join(spec.allowed_strings));
  }
  if (spec.minimum) {
    int64_t size = *spec.minimum;
    if (value.is<int64_t>()) size = value.as<int64_t>();
    if (value.is<std::vector<DType>>()) size = std::ssize(types);
    if (value.is<std::vector<int64_t>>()) size = std::ssize(value.as<std::vector<int64_t>>());
    if (value.is<std::vector<std::string>>()) size = std::ssize(value.as<std::vector<std::string>>());
    if (size < *spec.minimum) return str_cat("attr '", spec.name, "': ", size, " is below the minimum ", *spec.minimum);
  }
  return {};
}

// How many tensors an arg takes according to the attrs; -1 if the attr is missing.
int64_t tensor_count(const ArgSpec& arg, const AttrMap& attrs) {
  if (!arg.number_attr.empty()) return attrs.get_or<int64_t>(arg.number_attr, -1);
  if (!arg.type_list_attr.empty()) {
    const AttrValue* list = attrs.find(arg.type_list_attr);
    return list != nullptr && list->is<std::vector<DType>>()
               ? static_cast<int64_t>(list->as<std::vector<DType>>().size())
               : -1;
  }
  return 1;
}

ArgType type_of(const ArgSpec& arg, const AttrMap& attrs, int64_t i) {
  DType dtype = arg.dtype;
  if (!arg.type_attr.empty()) dtype = attrs.get_or<DType>(arg.type_attr, DType::kInvalid);
  if (!arg.type_list_attr.empty()) dtype = attrs.get<std::vector<DType>>(arg.type_list_attr)[static_cast<size_t>(i)];
  return {dtype, arg.is_ref};
}

// Fills type and number attrs that are missing from the inputs at hand.
void infer_attrs(const std::vector<ArgSpec>& args, std::span<const InputInfo> inputs, AttrMap& attrs) {
  size_t next = 0;
  for (size_t a = 0; a < args.size(); ++a) {
    const ArgSpec& arg = args[a];
    int64_t count = tensor_count(arg, attrs);
    if (count < 0) {  // takes what the fixed args after it leave
      size_t after = args.size() - a - 1;
      count = std::max<int64_t>(0, static_cast<int64_t>(inputs.size()) - static_cast<int64_t>(next + after));
      if (!arg.number_attr.empty()) attrs.set(arg.number_attr, count);
      if (!arg.type_list_attr.empty()) {
        std::vector<DType> types;
        for (int64_t i = 0; i < count && next + static_cast<size_t>(i) < inputs.size(); ++i) {
          types.push_back(inputs[next + static_cast<size_t>(i)].dtype);
        }
        attrs.set(arg.type_list_attr, types);
      }
    }
    if (!arg.type_attr.empty() && !attrs.contains(arg.type_attr) && count > 0 && next < inputs.size() &&
        inputs[next].dtype != DType::kInvalid) {
      attrs.set(arg.type_attr, inputs[next].dtype);
    }
    next += static_cast<size_t>(std::max<int64_t>(0, count));
  }
}

std::vector<std::string> attr_names(const std::vector<AttrSpec>& attrs) {
  std::vector<std::string> names;
  for (const AttrSpec& attr : attrs) names.emplace_back(attr.name);
  return names;
}

}  // namespace

Result<OpSchema> OpSchema::parse(const OpDef& def) {
  OpSchema schema;
  schema.op_ = def.name;
  Cursor c(def.attrs);
  while (!c.done()) {
    AttrSpec attr;
    TARN_RETURN_IF_ERROR(parse_attr(c, attr));
    schema.attrs_.push_back(std::move(attr));
    if (!c.take(";") && !c.done()) return internal_error("expected ';' at '", c.rest(), "'");
  }
  TARN_RETURN_IF_ERROR(parse_args(def.inputs, schema.attrs_, schema.inputs_));
  TARN_RETURN_IF_ERROR(parse_args(def.outputs, schema.attrs_, schema.outputs_));
  schema.kernel_attr_ = def.kernel_attr;
  if (schema.kernel_attr_.empty()) {
    for (const AttrSpec& attr : schema.attrs_) {
      if (attr.kind == "type") {
        schema.kernel_attr_ = attr.name;
        break;
      }
    }
  }
  return schema;
}

const AttrSpec* OpSchema::find_attr(std::string_view name) const {
  for (const AttrSpec& attr : attrs_) {
    if (attr.name == name) return &attr;
  }
  return nullptr;
}

Status OpSchema::resolve(std::string_view node, AttrMap& attrs, std::span<const InputInfo> inputs,
                         ResolveOptions options, NodeTypes& types) const {
  std::string label = node_label(op_, node);
  Problems problems;
  // Unknown attrs: drop what looks like a newer writer's default.
  std::vector<std::string> unknown;
  for (const auto& [name, value] : attrs) {
    if (!name.starts_with("_") && find_attr(name) == nullptr) unknown.push_back(name);
  }
  for (const std::string& name : unknown) {
    const AttrValue& value = *attrs.find(name);
    if (!says_as_always(op_, name, value)) {
      const NewerAttr* newer = find_newer_attr(op_, name);
      problems.add(str_cat(label, ": unknown attr ", in_quotes(name), " = ", printable(value.to_string()),
                           newer != nullptr ? str_cat(", which came with TensorFlow ", newer->version,
                                                      " and is not supported; its default is ", newer->as_always)
                                            : did_you_mean(name, attr_names(attrs_))));
    }
    attrs.erase(name);
  }
  if (options.infer_from_inputs) infer_attrs(inputs_, inputs, attrs);
  bool sound = true;
  for (const AttrSpec& spec : attrs_) {
    const AttrValue* value = attrs.find(spec.name);
    if (value == nullptr) {
      if (spec.has_default) {
        attrs.set(spec.name, spec.default_value);
      } else {
        problems.add(str_cat(label, ": attr '", spec.name, "' (", spec.kind, ") is missing"));
        sound = false;
      }
      continue;
    }
    // A list that came as `list {}` becomes the one that its op declares.
    if (value->is<AttrValue::EmptyList>() && spec.kind.starts_with("list(")) {
      attrs.set(spec.name, AttrValue::list_of(type_named(spec.kind.substr(5, spec.kind.size() - 6), true), {}));
      value = attrs.find(spec.name);
    }
    std::string problem = judge_value(spec, *value);
    if (!problem.empty()) {
      problems.add(str_cat(label, ": ", problem));
      sound = false;
    }
  }
  if (!sound) return problems.to_status();

  // Input count, before anything is sized by an attr.
  int64_t wanted = 0;
  for (const ArgSpec& arg : inputs_) {
    int64_t count = tensor_count(arg, attrs);
    bool by_attr = !arg.number_attr.empty() || !arg.type_list_attr.empty();
    if (by_attr && (count < 0 || count > static_cast<int64_t>(inputs.size()))) {
      problems.add(str_cat(label, ": input '", arg.name, "' takes ",
                           arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr, " = ", count,
                           " tensors, but the node has ", inputs.size(), " inputs"));
      return problems.to_status();
    }
    wanted += count;
  }
  if (wanted != static_cast<int64_t>(inputs.size())) {
    std::vector<std::string> names;
    for (const ArgSpec& arg : inputs_) names.emplace_back(arg.name);
    problems.add(str_cat(label, ": expects ", wanted, " inputs (", str_join(names), "), got ", inputs.size()));
    return problems.to_status();
  }
  types.inputs.clear();
  size_t next = 0;
  for (const ArgSpec& arg : inputs_) {
    int64_t count = tensor_count(arg, attrs);
    for (int64_t i = 0; i < count; ++i, ++next) {
      ArgType type = type_of(arg, attrs, i);
      const InputInfo& in = inputs[next];
      std::string_view producer = in.producer;
      if (in.dtype != DType::kInvalid && in.dtype != type.dtype) {
        problems.add(str_cat(label, ": input ", next, " '", arg.name, "' expects ", type.dtype, " but ",
                             in_quotes(producer), " gives ", in.dtype));
      } else if (type.is_ref && !in.is_ref && in.dtype != DType::kInvalid) {
        problems.add(str_cat(label, ": input ", next, " '", arg.name, "' expects a variable, but ", in_quotes(producer),
                             " is not a reference"));
      }
      types.inputs.push_back(type);
    }
  }
  for (const ArgSpec& arg : outputs_) {
    int64_t count = tensor_count(arg, attrs);
    if (count >= 0 && count <= kMostOutputs) continue;
    problems.add(str_cat(label, ": output '", arg.name, "' would be ",
                         arg.number_attr.empty() ? arg.type_list_attr : arg.number_attr, " = ", count,
                         " tensors; the limit is ", kMostOutputs));
    return problems.to_status();
  }
  types.outputs = output_types(attrs);
  return problems.to_status();
}

std::vector<ArgType> OpSchema::output_types(const AttrMap& attrs) const {
  std::vector<ArgType> types;
  for (const ArgSpec& arg : outputs_) {
    int64_t count = std::min(tensor_count(arg, attrs), kMostOutputs);
    for (int64_t i = 0; i < count; ++i) types.push_back(type_of(arg, attrs, i));
  }
  return types;
}

std::pair<int, int> OpSchema::output_range(const AttrMap& attrs, int arg) const {
  int begin = 0;
  for (int i = 0; i < arg; ++i) begin += static_cast<int>(tensor_count(outputs_[static_cast<size_t>(i)], attrs));
  return {begin, static_cast<int>(tensor_count(outputs_[static_cast<size_t>(arg)], attrs))};
}

std::string node_label(std::string_view op, std::string_view node) {
  return str_cat(printable(op), " ", in_quotes(node));
}

std::string input_facts_text(const OpSchema& schema, const AttrMap& attrs, std::span<const Fact> inputs) {
  std::string out;
  size_t next = 0;
  for (const ArgSpec& arg : schema.inputs()) {
    int64_t count = tensor_count(arg, attrs);
    for (int64_t i = 0; i < count && next < inputs.size(); ++i, ++next) {
      if (next >= 8) return out + ", …)";
      str_append(out, out.empty() ? " (" : ", ", arg.name);
      if (count > 1) str_append(out, "[", i, "]");
      str_append(out, " ", inputs[next]);
    }
  }
  return out.empty() ? out : out + ")";
}

OpRegistry::OpRegistry(std::span<const OpFile* const> files) {
  std::vector<Row> rows;
  for (const OpFile* file : files) {
    for (const OpEntry& entry : *file) rows.push_back({entry.def, &entry});
  }
  add(rows);
}

OpRegistry::OpRegistry(std::span<const OpDef* const> defs) {
  std::vector<Row> rows;
  for (const OpDef* def : defs) rows.push_back({def, nullptr});
  add(rows);
}

OpRegistry::OpRegistry(const OpRegistry& base, std::span<const OpDef* const> more) {
  std::vector<Row> rows;
  for (const Op& op : base.ops_) rows.push_back({op.def, op.entry});
  for (const OpDef* def : more) rows.push_back({def, nullptr});
  add(rows);
}

void OpRegistry::add(std::vector<Row>& rows) {
  sort_values(rows, [](const Row& a, const Row& b) { return a.def->name < b.def->name; });
  ops_.reserve(rows.size());
  for (const Row& row : rows) {
    Result<OpSchema> schema = OpSchema::parse(*row.def);
    if (!schema.ok()) {
      errors_.push_back(str_cat("op ", row.def->name, ": ", schema.status().message()));
      continue;
    }
    if (!ops_.empty() && ops_.back().def->name == row.def->name) {
      errors_.push_back(str_cat("op ", row.def->name, ": defined twice"));
    }
    ops_.push_back({row.def, row.entry, *std::move(schema)});
  }
}

const OpRegistry::Op* OpRegistry::find(std::string_view name) const {
  auto it = std::lower_bound(ops_.begin(), ops_.end(), name,
                             [](const Op& op, std::string_view key) { return op.def->name < key; });
  return it != ops_.end() && it->def->name == name ? &*it : nullptr;
}

std::vector<std::string> OpRegistry::names() const {
  std::vector<std::string> names;
  for (const Op& op : ops_) names.emplace_back(op.def->name);
  return names;
}

namespace {

// Of the kernels that are linked (core/linked_types.h); an app's own ops make theirs.
bool is_left_out(const OpDef& op, const KernelDef& kernel) {
  return kernel.make == nullptr && op.custom == nullptr;
}

}  // namespace

Result<const KernelDef*> find_kernel(const OpRegistry::Op& op, const AttrMap& attrs,
                                     std::span<const Backend> backends) {
  std::string_view attr = op.schema.kernel_attr();
  DType dtype = attr.empty() ? DType::kInvalid : attrs.get_or<DType>(attr, DType::kInvalid);
  for (Backend backend : backends) {
    for (const KernelDef& kernel : op.def->kernels) {
      if (is_left_out(*op.def, kernel)) continue;
      if (kernel.backend == backend && (kernel.dtype == DType::kInvalid || kernel.dtype == dtype)) return &kernel;
    }
  }
  std::vector<DType> there;
  for (const KernelDef& kernel : op.def->kernels) {
    if (!is_left_out(*op.def, kernel)) there.push_back(kernel.dtype);
  }
  if (there.empty()) return unimplemented("op ", op.def->name, " has no kernel", kLeftOutAdvice);
  return unimplemented("op ", op.def->name, " has no kernel for ", attr, " = ", dtype, " (there is ", type_names(there),
                       ")", kLeftOutAdvice);
}

std::unique_ptr<Kernel> make_kernel(const OpDef& op, const KernelDef& kernel) {
  return op.custom != nullptr ? op.custom->make_kernel() : kernel.make();
}

Status infer_node(const OpRegistry::Op& op, std::string_view node, const AttrMap& attrs, const NodeTypes& types,
                  std::span<const Fact> inputs, std::vector<Fact>& outputs) {
  outputs = std::vector<Fact>(types.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].dtype = types.outputs[i].dtype;
    outputs[i].is_ref = types.outputs[i].is_ref;
  }
  // What an op returns unchanged goes on referring to what it did.
  bool hands_on =
      kHasVariables && ((op.def->traits & kView) != 0 || op.def->control != Control::kNone) && !inputs.empty();
  for (Fact& output : outputs) {
    if (hands_on && output.dtype == DType::kResource) output.behind = inputs[0].behind;
  }
  if (op.def->infer == nullptr && op.def->custom == nullptr) return {};
  InferContext context(attrs, inputs, outputs);
  Status status = op.def->custom != nullptr ? op.def->custom->infer(node, context) : op.def->infer(context);
  if (status.ok()) return status;
  return Status(status.code(), str_cat(node_label(op.def->name, node), ": ", status.message(),
                                       input_facts_text(op.schema, attrs, inputs)))
      .with_node(node);
}

}  // namespace tarn
