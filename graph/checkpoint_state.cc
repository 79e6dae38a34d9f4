#include "graph/checkpoint_state.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "graph/checkpoint.h"
#include "proto/checkpoint.pb.h"

namespace tarn {
namespace {

constexpr uint64_t kMaxStateBytes = uint64_t{16} << 20;

bool is_absolute(std::string_view path) {
  return path.starts_with('/');
}

// The first thing wrong with a text proto, instead of protobuf's lines on stderr.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (text.empty()) text = str_cat("line ", line + 1, ", column ", column + 1, ": ", printable(message));
  }
  std::string text;
};

Status check_state_name(const std::string& name) {
  if (!name.empty() && name.find('/') == std::string::npos && name != "." && name != "..") return {};
  return invalid_argument("the name of the checkpoint state file is ", tarn::quoted(name),
                          "; it must be a file name without directories");
}

Status check_prefix(const std::string& prefix) {
  if (prefix.empty()) return data_loss("it names an empty path");
  if (prefix.find('\0') != std::string::npos)
    return data_loss("it names ", tarn::quoted(prefix), ", which holds a NUL byte");
  return {};
}

std::string relative_to(const std::string& path, const std::string& dir) {
  std::error_code error;
  std::filesystem::path from = std::filesystem::absolute(dir, error), to = std::filesystem::absolute(path, error);
  return error ? path : to.lexically_normal().lexically_relative(from.lexically_normal()).string();
}

// Whether `name` is "<stem>.data-<digits>-of-<digits>".
bool is_data_file(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  name.remove_prefix(stem.size());
  constexpr std::string_view kMark = ".data-", kOf = "-of-";
  if (!name.starts_with(kMark)) return false;
  name.remove_prefix(kMark.size());
  size_t of = name.find(kOf);
  if (of == std::string_view::npos) return false;
  auto digits = [](std::string_view text) {
    return text.size() >= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return digits(name.substr(0, of)) && digits(name.substr(of + kOf.size()));
}

Status write_state(const std::string& dir, const CheckpointState& state, const std::string& state_name, bool relative) {
  TARN_RETURN_IF_ERROR(check_state_name(state_name));
  auto stored = [&](const std::string& path) {
    bool keep = relative ? false : is_absolute(dir) || is_absolute(path);
    return keep ? path : relative_to(path, dir);
  };
  pb::CheckpointState proto;
  proto.set_model_checkpoint_path(stored(state.latest));
  for (const std::string& path : state.all) proto.add_all_model_checkpoint_paths(stored(path));
  if (state.all.empty() || state.all.back() != state.latest) proto.add_all_model_checkpoint_paths(stored(state.latest));
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(proto, &text)) {
    return internal_error("the checkpoint state of ", tarn::quoted(dir), " cannot be printed");
  }
  return write_file_atomically(path_join(dir, state_name), text);
}

}  // namespace

Result<CheckpointState> read_checkpoint_state(const std::string& dir, const std::string& state_name) {
  TARN_RETURN_IF_ERROR(check_state_name(state_name));
  std::string path = path_join(dir, state_name);
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path, kMaxStateBytes));
  std::string heading = str_cat("checkpoint state ", tarn::quoted(path));
  pb::CheckpointState proto;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &proto)) return data_loss(heading, ": ", error.text);
  if (Status status = check_prefix(proto.model_checkpoint_path()); !status.ok()) return status.with_context(heading);

  CheckpointState state{path_join(dir, proto.model_checkpoint_path()), {}};
  for (const std::string& other : proto.all_model_checkpoint_paths()) {
    if (Status status = check_prefix(other); !status.ok()) return status.with_context(heading);
    state.all.push_back(path_join(dir, other));
  }
  if (state.all.empty() || state.all.back() != state.latest) {
    std::erase(state.all, state.latest);
    state.all.push_back(state.latest);
  }
  return state;
}

Status write_checkpoint_state(const std::string& dir, const CheckpointState& state, const std::string& state_name) {
  return write_state(dir, state, state_name, /*relative=*/false);
}

bool checkpoint_exists(const std::string& prefix) {
  return file_exists(checkpoint_index_path(prefix)) || file_exists(prefix);
}

Result<std::string> latest_checkpoint(const std::string& dir, const std::string& state_name) {
  TARN_ASSIGN_OR_RETURN(CheckpointState state, read_checkpoint_state(dir, state_name));
  if (checkpoint_exists(state.latest)) return state.latest;
  std::string here = path_join(dir, path_name(state.latest));
  if (checkpoint_exists(here)) return here;
  // Say what else there is; choosing an older one is the caller's to do.
  std::string others;
  for (auto path = state.all.rbegin(); path != state.all.rend(); ++path) {
    std::string beside = path_join(dir, path_name(*path));
    if (!checkpoint_exists(*path) && !checkpoint_exists(beside)) continue;
    others = str_cat("; an older one is ", tarn::quoted(checkpoint_exists(*path) ? *path : beside));
    break;
  }
  return not_found("checkpoint state ", tarn::quoted(path_join(dir, state_name)), " names ", tarn::quoted(state.latest),
                   ", but there is no ", tarn::quoted(checkpoint_index_path(state.latest)),
                   here == state.latest ? "" : str_cat(" and no ", tarn::quoted(checkpoint_index_path(here))), others);
}

Status remove_checkpoint(const std::string& prefix) {
  std::string dir = path_dir(prefix), stem = path_name(prefix);
  if (stem.empty()) return invalid_argument(tarn::quoted(prefix), " is not a checkpoint's prefix");
  TARN_ASSIGN_OR_RETURN(std::vector<std::string> names, list_dir(dir));
  Problems problems;
  // The index first: without it the rest is no checkpoint, whenever this is interrupted.
  std::string index = checkpoint_index_path(prefix);
  if (file_exists(index)) problems.add(remove_file(index));
  for (const std::string& name : names) {
    if (is_data_file(name, stem) || name == stem + ".meta") problems.add(remove_file(path_join(dir, name)));
  }
  return problems.to_status(str_cat("removing checkpoint ", tarn::quoted(prefix)));
}

Status CheckpointHistory::record(const std::string& prefix) {
  std::string dir = path_dir(prefix);
  std::vector<std::string> kept = kept_, old;
  std::erase(kept, prefix);
  kept.push_back(prefix);
  if (options_.max_to_keep > 0 && kept.size() > static_cast<size_t>(options_.max_to_keep)) {
    auto end = kept.end() - options_.max_to_keep;
    old.assign(kept.begin(), end);
    kept.erase(kept.begin(), end);
  }
  TARN_RETURN_IF_ERROR(write_state(dir, {prefix, kept}, options_.state_name, options_.relative_paths));
  kept_ = std::move(kept);
  Problems problems;
  for (const std::string& path : old) {
    std::string name = path_name(path);
    if (path_dir(path) == dir && !name.empty() && name != "." && name != "..") problems.add(remove_checkpoint(path));
  }
  return problems.to_status(str_cat("checkpoint ", tarn::quoted(prefix), " is saved, but older ones stay"));
}

}  // namespace tarn
