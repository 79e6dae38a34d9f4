#include <limits>

#include "graph/assemble.h"
#include "graph/text_values.h"
#include "graph/wire_scan.h"
#include "proto/graph.pb.h"
#include "proto/model_info.pb.h"

namespace tarn {
namespace {

constexpr int kMostSyntaxErrors = 20;

// A type before '=', and where it stands.
struct Annotation {
  int node;
  size_t offset;
  std::vector<Fact> types;
};

class TextParser {
 public:
  TextParser(std::string_view text, const TextReadOptions& options)
      : lexer_(text, options.source, options.first_line),
        options_(options),
        ops_(options.ops != nullptr ? *options.ops : all_ops()),
        tensor_bytes_(options.max_tensor_bytes),
        values_(lexer_, tensor_bytes_) {}

  Result<Graph> run() {
    int syntax_errors = 0;
    while (lexer_.peek().kind != TextToken::kEnd && syntax_errors < kMostSyntaxErrors) {
      Status status = statement();
      if (status.ok()) continue;
      problems_.add(status);
      ++syntax_errors;
      lexer_.recover();
    }
    TARN_RETURN_IF_ERROR(problems_.to_status(""));

    AssembleOptions assemble;
    assemble.ops = &ops_;
    assemble.allow_unknown_ops = options_.allow_unknown_ops;
    assemble.infer_attrs = true;
    assemble.place = [&](int node, int input) { return place(node, input); };
    Graph graph = assemble_graph(std::move(records_), assemble, problems_);
    if (problems_.empty()) check_annotations(graph);
    TARN_RETURN_IF_ERROR(problems_.to_status(""));
    graph.versions = versions_;
    graph.library = std::move(library_);
    graph.model_info = std::move(model_info_);
    return graph;
  }

 private:
  std::string place(int node, int input) const {
    const std::vector<size_t>& offsets = places_[static_cast<size_t>(node)];  // the node's, then its inputs'
    return str_cat(options_.source, ":", lexer_.place(offsets[static_cast<size_t>(input + 1)]));
  }

  Status statement() {
    if (lexer_.peek().kind == TextToken::kNewline) {
      lexer_.next();
      return {};
    }
    if (lexer_.take('@')) return directive();
    if (static_cast<int64_t>(records_.size()) >= options_.max_nodes)
      return lexer_.error_at(lexer_.peek(), "more than ", options_.max_nodes, " nodes");
    TARN_ASSIGN_OR_RETURN(TextToken name, lexer_.expect_word("a node's name"));
    NodeRecord record;
    record.name = name.text;
    std::vector<size_t> places{name.offset};
    Annotation annotation{static_cast<int>(records_.size()), lexer_.peek().offset, {}};
    bool has_types = lexer_.take(':');
    if (has_types) {
      annotation.offset = lexer_.peek().offset;
      TARN_RETURN_IF_ERROR(types(annotation.types));
    }
    TARN_RETURN_IF_ERROR(lexer_.expect('=', has_types ? "the types" : "the name"));
    TARN_RETURN_IF_ERROR(right_side(annotation.types, record, places));
    if (lexer_.take_word("on")) {
      TextToken device = lexer_.next();
      if (device.kind != TextToken::kString)
        return lexer_.error_at(device, "expected a device (a string) after 'on', got ", describe(device));
      TARN_ASSIGN_OR_RETURN(record.device, unescape(device.text));
    }
    TARN_RETURN_IF_ERROR(end_of_line());
    records_.push_back(std::move(record));
    places_.push_back(std::move(places));
    if (has_types) annotations_.push_back(std::move(annotation));
    return {};
  }

  Status end_of_line() {
    TextToken end = lexer_.peek();
    if (end.kind != TextToken::kNewline && end.kind != TextToken::kEnd)
      return lexer_.error_at(end, "expected the end of the line, got ", describe(end));
    lexer_.next();
    return {};
  }

  Status types(std::vector<Fact>& types) {
    bool is_list = lexer_.take('(');
    if (is_list && lexer_.take(')')) return {};
    do {
      TARN_ASSIGN_OR_RETURN(Fact type, values_.type());
      types.push_back(std::move(type));
    } while (is_list && lexer_.take(','));
    return is_list ? lexer_.expect(')', "the types") : Status();
  }

  // A constant stands where its op would: a list, a number, a string, or one of the words that make one.
  bool at_constant() {
    const TextToken& token = lexer_.peek();
    if (token.is_mark('{') || token.is_mark('(')) return true;
    if (token.kind != TextToken::kWord) return false;
    for (std::string_view word : {"zeros", "fill", "random", "base64", "hex", "true", "false", "inf", "nan"}) {
      if (token.text == word) return true;
    }
    char first = token.text[0];
    return (first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.';
  }

  Status right_side(const std::vector<Fact>& types, NodeRecord& record, std::vector<size_t>& places) {
    if (lexer_.peek().kind == TextToken::kString) {
      TextToken string = lexer_.next();
      if (!lexer_.peek().is_mark('(')) return string_constant(string, types, record);
      Result<std::string> op = unescape(string.text);
      if (!op.ok()) return lexer_.error_at(string, op.status().message());
      record.op = *std::move(op);
    } else if (at_constant()) {
      TARN_RETURN_IF_ERROR(check_constant_type(lexer_.peek(), types));
      TARN_ASSIGN_OR_RETURN(Tensor value, values_.tensor_body(types[0].dtype, types[0].shape, true));
      return set_constant(std::move(value), record);
    } else {
      TARN_ASSIGN_OR_RETURN(TextToken op, lexer_.expect_word("an op or a constant"));
      record.op = op.text;
    }
    if (lexer_.take('(')) TARN_RETURN_IF_ERROR(inputs(record, places));
    const OpRegistry::Op* op = ops_.find(record.op);
    if (lexer_.take('{')) {
      TARN_ASSIGN_OR_RETURN(record.attrs, values_.attrs(op != nullptr ? &op->schema : nullptr));
    }
    if (op != nullptr) infer_attrs_from_types(op->schema, types, record.attrs);
    return {};
  }

  Status check_constant_type(const TextToken& at, const std::vector<Fact>& types) {
    if (types.size() == 1 && types[0].dtype != DType::kInvalid && !types[0].is_ref) return {};
    return lexer_.error_at(at, "a constant needs its type before '=': name: f32[2] = {1, 2}");
  }

  Status string_constant(const TextToken& string, const std::vector<Fact>& types, NodeRecord& record) {
    TARN_RETURN_IF_ERROR(check_constant_type(string, types));
    if (types[0].dtype != DType::kString || !types[0].shape.is_scalar())
      return lexer_.error_at(string, "a string is a str[], not a ", type_text(types[0]));
    Result<std::string> text = unescape(string.text);
    if (!text.ok()) return lexer_.error_at(string, text.status().message());
    return set_constant(Tensor::scalar<std::string>(*std::move(text)), record);
  }

  static Status set_constant(Tensor value, NodeRecord& record) {
    record.op = "Const";
    record.attrs.set("dtype", value.dtype());
    record.attrs.set("value", std::move(value));
    return {};
  }

  // Behind '('.
  Status inputs(NodeRecord& record, std::vector<size_t>& places) {
    while (!lexer_.take(')')) {
      if (!record.inputs.empty()) TARN_RETURN_IF_ERROR(lexer_.expect(',', "an input"));
      places.push_back(lexer_.peek().offset);
      std::string text = lexer_.take('^') ? "^" : "";
      TARN_ASSIGN_OR_RETURN(TextToken name, lexer_.expect_word("an input or ')'"));
      text += name.text;
      if (lexer_.take(':')) {
        TARN_ASSIGN_OR_RETURN(TextToken slot, lexer_.expect_word("the number of an output"));
        str_append(text, ":", slot.text);
      }
      record.inputs.push_back(std::move(text));
    }
    return {};
  }

  // Behind '@'.
  Status directive() {
    TARN_ASSIGN_OR_RETURN(TextToken name, lexer_.expect_word("'versions', 'library' or 'model_info'"));
    if (name.text == "versions") {
      TARN_RETURN_IF_ERROR(versions(name));
    } else if (name.text == "library" && lexer_.take_word("base64")) {
      TARN_ASSIGN_OR_RETURN(library_, message(*pb::FunctionDefLibrary::descriptor()));
    } else if (name.text == "model_info" && lexer_.take_word("base64")) {
      TARN_ASSIGN_OR_RETURN(model_info_, message(*pb::ModelInfo::descriptor()));
    } else {
      return lexer_.error_at(name, "expected '@versions {…}', '@library base64\"…\"' or '@model_info base64\"…\"'");
    }
    return end_of_line();
  }

  Status versions(const TextToken& start) {
    TARN_RETURN_IF_ERROR(lexer_.expect('{', "@versions"));
    TARN_ASSIGN_OR_RETURN(AttrMap attrs, values_.attrs(nullptr));
    auto fits = [](int64_t version) { return version >= 0 && version <= std::numeric_limits<int>::max(); };
    for (const auto& [name, value] : attrs) {
      if (name == "producer" && value.is<int64_t>() && fits(value.as<int64_t>())) {
        versions_.producer = static_cast<int>(value.as<int64_t>());
      } else if (name == "min_consumer" && value.is<int64_t>() && fits(value.as<int64_t>())) {
        versions_.min_consumer = static_cast<int>(value.as<int64_t>());
      } else if (name == "bad_consumers" && value.is<std::vector<int64_t>>()) {
        for (int64_t version : value.as<std::vector<int64_t>>()) {
          if (!fits(version)) return lexer_.error_at(start, "version ", version, " is out of range");
          versions_.bad_consumers.push_back(static_cast<int>(version));
        }
      } else {
        return lexer_.error_at(start, quoted(name),
                               " is none of producer, min_consumer (numbers from 0), bad_consumers");
      }
    }
    return {};
  }

  // Behind base64: the bytes of a serialized message.
  Result<std::string> message(const google::protobuf::Descriptor& type) {
    TextToken bytes = lexer_.next();
    if (bytes.kind != TextToken::kString)
      return lexer_.error_at(bytes, "expected a string after base64, got ", describe(bytes));
    Result<std::string> decoded = base64_decode(bytes.text);
    if (!decoded.ok()) return lexer_.error_at(bytes, decoded.status().message());
    Status good = scan_wire(*decoded, type);
    if (!good.ok()) return lexer_.error_at(bytes, "not a ", type.name(), ": ", good.message());
    return decoded;
  }

  // What is written before '=' must not contradict what follows from the inputs.
  void check_annotations(const Graph& graph) {
    for (const Annotation& annotation : annotations_) {
      const Node& node = graph.node(annotation.node);
      if (node.def == nullptr) continue;
      bool agrees = node.outputs.size() == annotation.types.size();
      for (size_t i = 0; agrees && i < node.outputs.size(); ++i) {
        const Fact& said = annotation.types[i];
        const Fact& is = node.outputs[i];
        bool same_dtype = said.dtype == DType::kInvalid || is.dtype == DType::kInvalid ||
                          (said.dtype == is.dtype && (is.is_ref || !said.is_ref));
        agrees = same_dtype && said.shape.is_compatible_with(is.shape);
      }
      if (agrees) continue;
      std::vector<std::string> said, is;
      for (const Fact& fact : annotation.types) said.push_back(type_text(fact));
      for (const Fact& fact : node.outputs) is.push_back(type_text(fact));
      problems_.add(lexer_.error(annotation.offset, str_cat(node_label(node.op, node.name), " gives (", str_join(is),
                                                            "), not (", str_join(said), ")")));
    }
  }

  TextLexer lexer_;
  const TextReadOptions& options_;
  const OpRegistry& ops_;
  int64_t tensor_bytes_;
  ValueReader values_;
  Problems problems_;
  std::vector<NodeRecord> records_;
  std::vector<std::vector<size_t>> places_;
  std::vector<Annotation> annotations_;
  Versions versions_;
  std::string library_, model_info_;
};

}  // namespace

Result<Graph> graph_from_text(std::string_view text, const TextReadOptions& options) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // an editor's byte order mark
  return TextParser(text, options).run();
}

}  // namespace tarn
