#include "graph/file_kind.h"

#include <algorithm>
#include <filesystem>

#include "core/file.h"

namespace tarn {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  Sniffed kind;
};

constexpr std::string_view kExport = "save the model as a SavedModel or GraphDef";

constexpr Magic kMagics[] = {
    {0, "\x1f\x8b"sv, {FileKind::kForeign, "a gzip file", "unpack it first (gunzip)"}},
    {0, "\x89PNG"sv, {FileKind::kForeign, "a PNG picture"}},
    {0, "\xff\xd8\xff"sv, {FileKind::kForeign, "a JPEG picture"}},
    {0,
     "\x7f"
     "ELF"sv,
     {FileKind::kForeign, "an ELF program or library"}},
    {0, "7z\xbc\xaf"sv, {FileKind::kForeign, "a 7z archive", "unpack it first"}},
    {0, "BZh"sv, {FileKind::kForeign, "a bzip2 file", "unpack it first (bunzip2)"}},
    {0,
     "\xfd"
     "7zXZ"sv,
     {FileKind::kForeign, "an xz file", "unpack it first (unxz)"}},
    {0, "\x28\xb5\x2f\xfd"sv, {FileKind::kForeign, "a zstd file", "unpack it first (unzstd)"}},
    {257, "ustar"sv, {FileKind::kForeign, "a tar archive", "unpack it first (tar x)"}},
    {0, "\x89HDF\r\n"sv, {FileKind::kForeign, "an HDF5 file (Keras .h5)", kExport}},
    {4, "TFL3"sv, {FileKind::kForeign, "a TensorFlow Lite model", "the GraphDef it was made from is needed"}},
    {0,
     "version https://git-lfs"sv,
     {FileKind::kForeign, "a Git LFS pointer, not the file itself", "fetch it with 'git lfs pull'"}},
    {0, "\x93NUMPY"sv, {FileKind::kForeign, "a NumPy array (.npy)", "the graph it belongs to is needed"}},
    {0, "\x80\x02"sv, {FileKind::kForeign, "a Python pickle", kExport}},
    {0, "\x80\x03"sv, {FileKind::kForeign, "a Python pickle", kExport}},
    {0, "\x80\x04"sv, {FileKind::kForeign, "a Python pickle", kExport}},
    {0, "RIFF"sv, {FileKind::kForeign, "a RIFF file (WAV, WebP)"}},
    {0, "GIF8"sv, {FileKind::kForeign, "a GIF picture"}},
    {0, "%PDF"sv, {FileKind::kForeign, "a PDF document"}},
    {0, "#!"sv, {FileKind::kForeign, "a script"}},
    {0, "{"sv, {FileKind::kForeign, "JSON"}},
    {0, "\xff\xfe"sv, {FileKind::kForeign, "a text in UTF-16 (PowerShell's > writes it)", "save it as UTF-8"}},
    {0, "\xfe\xff"sv, {FileKind::kForeign, "a text in UTF-16", "save it as UTF-8"}},
};

constexpr Sniffed kTable = {FileKind::kCheckpointTable, "a checkpoint (a table of tensors)",
                            "give its prefix to a tool that takes a checkpoint, such as freeze_graph "
                            "--input_checkpoint"};
constexpr Sniffed kCheckpointState = {FileKind::kCheckpointState, "a 'checkpoint' state file",
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
    {"item", {FileKind::kForeign, "a label map", "the graph it belongs to is needed"}},
    {"layer", {FileKind::kForeign, "a Caffe network", "the TensorFlow graph is needed"}},
    {"layers", {FileKind::kForeign, "a Caffe network", "the TensorFlow graph is needed"}},
    {"model", {FileKind::kForeign, "a pipeline's configuration", "the graph it made is needed"}},
    {"filename_tensor_name", {FileKind::kForeign, "a SaverDef", "it is an --input_saver, not a graph"}},
};

// What is in a zip archive shows by the names of its files, which are at its beginning and its end.
Sniffed sniff_zip(std::string_view bytes) {
  auto holds = [&](std::string_view name) {
    constexpr size_t kNear = size_t{64} << 10;
    return bytes.substr(0, kNear).find(name) != std::string_view::npos ||
           bytes.substr(bytes.size() - std::min(bytes.size(), kNear)).find(name) != std::string_view::npos;
  };
  if (holds("/data.pkl")) return {FileKind::kForeign, "a PyTorch model (.pt)", "export it to TensorFlow first"};
  if (holds("model.weights.h5")) return {FileKind::kForeign, "a Keras archive (.keras)", kExport};
  if (holds("AndroidManifest.xml")) return {FileKind::kForeign, "an Android app (.apk)", "its model is in assets/"};
  if (holds(".npy")) return {FileKind::kForeign, "NumPy arrays (.npz)", "the graph they belong to is needed"};
  return {FileKind::kForeign, "a zip archive", "unpack it first (unzip)"};
}

bool has_prefix_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  return std::equal(lower.begin(), lower.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b); });
}

// An ONNX ModelProto: ir_version first, a graph in field 7 and the opset in field 8, nothing beyond field 25. No
// message of TensorFlow has these; a SavedModel, which begins alike, has fields 1 and 2.
bool looks_like_onnx(std::string_view bytes) {
  auto varint = [&](uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      auto byte = static_cast<uint8_t>(bytes[0]);
      bytes.remove_prefix(1);
      value |= uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  };
  bool version = false, graph = false, opset = false;
  while (!bytes.empty()) {
    uint64_t tag = 0, value = 0;
    if (!varint(tag) || !varint(value)) return false;
    uint64_t field = tag >> 3, wire_type = tag & 7;
    if (field == 0 || field > 25 || (wire_type != 0 && wire_type != 2)) return false;
    version |= field == 1 && wire_type == 0 && value >= 1 && value <= 32;
    if (wire_type == 0) continue;
    if (value > bytes.size()) return false;
    graph |= field == 7;
    opset |= field == 8;
    bytes.remove_prefix(static_cast<size_t>(value));
  }
  return version && graph && opset;
}

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
  if (bytes.starts_with("PK\x03\x04")) return sniff_zip(bytes);
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  if (!looks_like_text(bytes)) {
    if (!looks_like_onnx(bytes)) return {FileKind::kBinaryProto};
    return {FileKind::kForeign, "an ONNX model", "the TensorFlow graph is needed: convert it (onnx-tf)"};
  }
  std::string_view start = without_space_and_comments(bytes.substr(0, 4096));
  for (std::string_view opening : {"<!doctype", "<html", "<head"}) {
    if (has_prefix_ignoring_case(start, opening))
      return {FileKind::kForeign, "a web page", "the download went wrong: fetch the file itself", true};
  }
  if (start.starts_with("<?xml")) return {FileKind::kForeign, "an XML file", "", true};
  Sniffed text = sniff_text(bytes);
  text.is_text = true;
  return text;
}

std::string path_hint(const std::string& path) {
  if (dir_exists(path)) {
    if (saved_model_file(path)) return "; it is the folder of a SavedModel, which is not read here";
    if (file_exists(path_join(path, "checkpoint"))) return "; it is a directory with checkpoints: name one of them";
    return {};
  }
  if (file_exists(path)) return {};
  if (file_exists(path + ".index")) {
    std::string hint = str_cat("; ", tarn::quoted(path), " is the prefix of a checkpoint, which holds no graph");
    if (file_exists(path + ".meta")) str_append(hint, " (its graph is in ", tarn::quoted(path + ".meta"), ")");
    return hint;
  }
  std::error_code ignored;
  if (std::filesystem::path target = std::filesystem::read_symlink(path, ignored); !target.empty())
    return str_cat("; it is a link to ", tarn::quoted(target.string()));
  Result<std::vector<std::string>> names = list_dir(path_dir(path));
  return names.ok() ? did_you_mean(path_name(path), *names) : std::string();
}

std::optional<std::string> saved_model_file(const std::string& folder) {
  for (std::string_view name : {"saved_model.pb", "saved_model.pbtxt", "saved_model.pb.gz", "saved_model.pbtxt.gz"}) {
    if (std::string path = path_join(folder, name); file_exists(path)) return path;
  }
  return std::nullopt;
}

}  // namespace tarn
