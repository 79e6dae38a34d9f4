// What kind of file somebody handed us, told from its content.
//
//   if (sniff(bytes).kind == FileKind::kForeign) …
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tarn {

enum class FileKind {
  kEmpty,
  kBinaryProto,      // perhaps: no other kind was recognised
  kGraphPbtxt,       // GraphDef as text
  kMetaGraphPbtxt,   // MetaGraphDef as text
  kSavedModelPbtxt,  // SavedModel as text
  kTarnText,         // graph/text.h; any other text looks like it
  kCheckpointTable,  // a table of tensors: an .index file, or all of a V1 checkpoint; `name` and `hint` as below
  kCheckpointState,  // the 'checkpoint' file of a folder with checkpoints
  kForeign,          // something else: `name` says what, `hint` what to do
};

struct Sniffed {
  FileKind kind = FileKind::kEmpty;
  std::string_view name = {};  // "a gzip file"
  std::string_view hint = {};  // "unpack it first (gunzip)"
  bool is_text = false;
};

Sniffed sniff(std::string_view bytes);

// "; 'model.ckpt' is the prefix of a checkpoint …" for a path that cannot be read as a file; "" if there is nothing to
// say.
std::string path_hint(const std::string& path);

// "export/saved_model.pb" or ".pbtxt", whichever the folder has.
std::optional<std::string> saved_model_file(const std::string& folder);

}  // namespace tarn
