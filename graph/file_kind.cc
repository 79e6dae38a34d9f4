#include "graph/file_kind.h"

#include <algorithm>

#include "core/file.h"

namespace tarn {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  Sniffed kind;
};

constexpr Magic kMagics[] = {
    {0, "\x1f\x8b"sv, {FileKind::kForeign, "a gzip file", "unpack it first (gunzip)"}},
    {0, "\x89PNG"sv, {FileKind::kForeign, "a PNG picture"}},
    {0, "\xff\xd8\xff"sv, {FileKind::kForeign, "a JPEG picture"}},
    {0,
     "\x7f"
     "ELF"sv,
     {FileKind::kForeign, "an ELF program or library"}},
    {0, "PK\x03\x04"sv, {FileKind::kForeign, "a zip archive", "unpack it first (unzip)"}},
    {0, "7z\xbc\xaf"sv, {FileKind::kForeign, "a 7z archive", "unpack it first"}},
    {0, "BZh"sv, {FileKind::kForeign, "a bzip2 file", "unpack it first (bunzip2)"}},
    {0,
     "\xfd"
     "7zXZ"sv,
     {FileKind::kForeign, "an xz file", "unpack it first (unxz)"}},
    {0, "\x28\xb5\x2f\xfd"sv, {FileKind::kForeign, "a zstd file", "unpack it first (unzstd)"}},
    {257, "ustar"sv, {FileKind::kForeign, "a tar archive", "unpack it first (tar x)"}},
    {0,
     "\x89HDF\r\n"sv,
     {FileKind::kForeign, "an HDF5 file (Keras .h5)", "save the model as a SavedModel or GraphDef"}},
    {4, "TFL3"sv, {FileKind::kForeign, "a TensorFlow Lite model", "the GraphDef it was made from is needed"}},
    {0,
     "version https://git-lfs"sv,
     {FileKind::kForeign, "a Git LFS pointer, not the file itself", "fetch it with 'git lfs pull'"}},
    {0, "<!DOCTYPE"sv, {FileKind::kForeign, "a web page", "the download went wrong"}},
    {0, "<html"sv, {FileKind::kForeign, "a web page", "the download went wrong"}},
    {0, "{"sv, {FileKind::kForeign, "JSON"}},
};

constexpr Sniffed kTable = {FileKind::kCheckpointTable, "a checkpoint (a table of tensors)",
                            "give its prefix to a tool that takes a checkpoint, such as freeze_graph "
                            "--input_checkpoint"};
constexpr Sniffed kCheckpointState = {FileKind::kForeign, "a 'checkpoint' state file",
                                      "it names the checkpoint; that one is needed"};

// First words of text protos.
struct FirstWord {
  std::string_view word;
  Sniffed kind;
};
constexpr FirstWord kFirstWords[] = {
    {"node", {FileKind::kGraphPbtxt}},
    {"library", {FileKind::kGraphPbtxt}},
    {"versions", {FileKind::kGraphPbtxt}},
    {"version", {FileKind::kGraphPbtxt}},
    {"debug_info", {FileKind::kGraphPbtxt}},
    {"meta_info_def", {FileKind::kMetaGraphPbtxt}},
    {"graph_def", {FileKind::kMetaGraphPbtxt}},
    {"saver_def", {FileKind::kMetaGraphPbtxt}},
    {"collection_def", {FileKind::kMetaGraphPbtxt}},
    {"signature_def", {FileKind::kMetaGraphPbtxt}},
    {"saved_model_schema_version", {FileKind::kSavedModelPbtxt}},
    {"meta_graphs", {FileKind::kSavedModelPbtxt}},
    {"model_checkpoint_path", kCheckpointState},
    {"all_model_checkpoint_paths", kCheckpointState},
    {"filename_tensor_name", {FileKind::kForeign, "a SaverDef", "it is an --input_saver, not a graph"}},
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view without_space_and_comments(std::string_view text) {
  while (!text.empty()) {
    if (is_space(text[0])) {
      text.remove_prefix(1);
    } else if (text[0] == '#') {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else {
      break;
    }
  }
  return text;
}

Sniffed sniff_text(std::string_view text) {
  text = without_space_and_comments(text);
  size_t length = 0;
  while (length < text.size() && (isalnum(static_cast<unsigned char>(text[length])) || text[length] == '_')) ++length;
  std::string_view word = text.substr(0, length);
  std::string_view rest = text.substr(length);
  while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
  bool opens_message = rest.starts_with("{") || rest.starts_with("<");
  // "version: 27" is a pbtxt; "version: f32[] = …" is a node of Tarn's text.
  bool has_scalar = rest.starts_with(":") && rest.find_first_of("0123456789\"{<", 1) == rest.find_first_not_of(" ", 1);
  if (opens_message || has_scalar) {
    for (const FirstWord& row : kFirstWords) {
      if (row.word == word) return row.kind;
    }
  }
  return {FileKind::kTarnText};
}

// Control characters show at once in a GraphDef: its second field has tag 0x12.
bool looks_like_text(std::string_view bytes) {
  std::string_view start = bytes.substr(0, 4096);
  return std::all_of(start.begin(), start.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 || is_space(c) || c == '\f'; });
}

}  // namespace

Sniffed sniff(std::string_view bytes) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  constexpr std::string_view kTableFooter = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";  // LevelDB's magic number
  if (bytes.empty()) return {FileKind::kEmpty};
  for (const Magic& magic : kMagics) {
    if (magic.offset > 0 && bytes[0] == '\n') continue;  // a GraphDef may have anything there
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) return magic.kind;
  }
  if (bytes.size() >= 48 && bytes.ends_with(kTableFooter)) return kTable;
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  if (!looks_like_text(bytes)) return {FileKind::kBinaryProto};
  Sniffed text = sniff_text(bytes);
  text.is_text = true;
  return text;
}

std::string path_hint(const std::string& path) {
  if (dir_exists(path)) {
    if (file_exists(path_join(path, "saved_model.pb")) || file_exists(path_join(path, "saved_model.pbtxt")))
      return "; it is the directory of a SavedModel, which is not read yet";
    if (file_exists(path_join(path, "checkpoint"))) return "; it is a directory with checkpoints: name one of them";
    return {};
  }
  if (file_exists(path)) return {};
  if (file_exists(path + ".index")) {
    std::string hint = str_cat("; ", quoted(path), " is the prefix of a checkpoint, which holds no graph");
    if (file_exists(path + ".meta")) str_append(hint, " (its graph is in ", quoted(path + ".meta"), ")");
    return hint;
  }
  Result<std::vector<std::string>> names = list_dir(path_dir(path));
  return names.ok() ? did_you_mean(path_name(path), *names) : std::string();
}

}  // namespace tarn
