#include "graph/proto_io.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include "core/file.h"
#include "graph/file_kind.h"
#include "proto/meta_graph.pb.h"
#include "proto/saved_model.pb.h"

namespace tarn {
namespace {

namespace gpb = google::protobuf;

// As deep as scan_wire lets binary files be.
constexpr int kMostTextDepth = 96;

class TextErrors : public gpb::io::ErrorCollector {
 public:
  void AddError(int line, gpb::io::ColumnNumber column, const std::string& message) override {
    problems_.add(str_cat("line ", line + 1, ", column ", column + 1, ": ", text_proto_error(message)));
  }
  void AddWarning(int, gpb::io::ColumnNumber, const std::string&) override {}
  const Problems& problems() const { return problems_; }

 private:
  Problems problems_;
};

struct KnownMessage {
  const gpb::Descriptor* type;
  std::string_view name, hint;
};

// "a MetaGraphDef (.meta)", if the bytes are another message that we know.
const KnownMessage* find_other_message(std::string_view bytes, const gpb::Descriptor& wanted) {
  static const KnownMessage kKnown[] = {
      {pb::GraphDef::descriptor(), "a GraphDef", "give it as the graph"},
      {pb::MetaGraphDef::descriptor(), "a MetaGraphDef (.meta)", "give it as --input_meta_graph"},
      {pb::SavedModel::descriptor(), "a SavedModel", "give its folder"}};
  for (const KnownMessage& known : kKnown) {
    if (known.type != &wanted && scan_wire(bytes, *known.type).ok()) return &known;
  }
  return nullptr;
}

std::string name_of(const gpb::Descriptor& type) {
  return str_cat("a ", type.name());
}

bool is_text_of(const Sniffed& sniffed, const gpb::Descriptor& type) {
  if (&type == pb::GraphDef::descriptor()) return sniffed.kind == FileKind::kGraphPbtxt;
  if (&type == pb::MetaGraphDef::descriptor()) return sniffed.kind == FileKind::kMetaGraphPbtxt;
  if (&type == pb::SavedModel::descriptor()) return sniffed.kind == FileKind::kSavedModelPbtxt;
  return sniffed.is_text;
}

}  // namespace

std::string text_proto_error(std::string_view message) {
  constexpr std::string_view kAtEnd = "got: ", kNoField = "has no field named ", kPackage = "tarn.pb.";
  if (message.ends_with(kAtEnd))
    return str_cat(message.substr(0, message.size() - kAtEnd.size()), "but the file ends here");
  if (size_t at = message.find(kNoField); at != std::string_view::npos) {
    std::string_view name = message.substr(at + kNoField.size());
    if (name.ends_with('.')) name.remove_suffix(1);
    return str_cat("there is no field ", printable(name));
  }
  std::string text(message);
  for (size_t at = 0; (at = text.find(kPackage, at)) != std::string::npos;) text.erase(at, kPackage.size());
  return printable(text);
}

Status parse_binary(std::string_view bytes, const ScanLimits& limits, gpb::Message& message) {
  TARN_RETURN_IF_ERROR(scan_wire(bytes, *message.GetDescriptor(), limits));
  gpb::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  gpb::io::CodedInputStream coded(&stream);
  if (message.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage()) return {};
  return data_loss("libprotobuf cannot read it as ", name_of(*message.GetDescriptor()));
}

Status parse_pbtxt(std::string_view text, gpb::Message& message) {
  TextErrors errors;
  gpb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.SetRecursionLimit(kMostTextDepth);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // an editor's byte order mark
  gpb::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  if (parser.Parse(&stream, &message)) return {};
  if (errors.problems().empty()) return invalid_argument("not ", name_of(*message.GetDescriptor()), " in text form");
  return errors.problems().to_status(str_cat("not ", name_of(*message.GetDescriptor()), " in text form"), 10);
}

Status wrong_file(std::string_view bytes, std::string_view wanted, const Status& otherwise) {
  Sniffed sniffed = sniff(bytes);
  switch (sniffed.kind) {
    case FileKind::kEmpty: return invalid_argument("empty model file");
    case FileKind::kCheckpointTable:
    case FileKind::kCheckpointState:
    case FileKind::kForeign:
      return invalid_argument("not ", wanted, " but ", sniffed.name, sniffed.hint.empty() ? "" : ": ", sniffed.hint);
    case FileKind::kGraphPbtxt: return invalid_argument("not ", wanted, " but a GraphDef in text form (.pbtxt)");
    case FileKind::kMetaGraphPbtxt: return invalid_argument("not ", wanted, " but a MetaGraphDef in text form");
    case FileKind::kSavedModelPbtxt: return invalid_argument("not ", wanted, " but a SavedModel in text form");
    case FileKind::kTarnText: return invalid_argument("not ", wanted, " but text");
    case FileKind::kBinaryProto: break;
  }
  for (const gpb::Descriptor* type :
       {pb::GraphDef::descriptor(), pb::MetaGraphDef::descriptor(), pb::SavedModel::descriptor()}) {
    if (name_of(*type) != wanted) continue;
    if (const KnownMessage* other = find_other_message(bytes, *type))
      return invalid_argument("not ", wanted, " but ", other->name, ": ", other->hint);
  }
  if (otherwise.code() != Code::kDataLoss) return otherwise;
  return otherwise.with_context(str_cat("not ", wanted, ", or damaged"));
}

Status parse_proto(std::string_view bytes, const ProtoReadOptions& options, gpb::Message& message) {
  const gpb::Descriptor& type = *message.GetDescriptor();
  Sniffed sniffed = sniff(bytes);
  if (is_text_of(sniffed, type)) return parse_pbtxt(bytes, message);
  if (sniffed.kind != FileKind::kBinaryProto) return wrong_file(bytes, name_of(type), {});
  Status status = parse_binary(bytes, options.scan, message);
  bool may_be_another = !status.ok() && status.code() != Code::kResourceExhausted;
  return !may_be_another ? status : wrong_file(bytes, name_of(type), status);
}

Status read_proto(const std::string& path, const ProtoReadOptions& options, gpb::Message& message) {
  Result<std::string> bytes = read_file(path, options.max_bytes);
  if (!bytes.ok()) return Status(bytes.status().code(), str_cat(bytes.status().message(), path_hint(path)));
  return parse_proto(*bytes, options, message).with_context(path);
}

std::string to_pbtxt(const gpb::Message& message) {
  std::string text;
  gpb::TextFormat::PrintToString(message, &text);
  return text;
}

}  // namespace tarn
