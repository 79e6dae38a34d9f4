#include "graph/checkpoint_state.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <filesystem>

#include "core/file.h"
#include "core/stale_temps.h"
#include "graph/checkpoint.h"
#include "graph/proto_io.h"
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
    if (text.empty()) text = str_cat("line ", line + 1, ", column ", column + 1, ": ", text_proto_error(message));
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

Result<std::string> state_text(const std::string& dir, const CheckpointState& state, const std::string& state_name,
                               bool relative) {
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
  return text;
}

Status write_state(const std::string& dir, const CheckpointState& state, const std::string& state_name, bool relative) {
  TARN_ASSIGN_OR_RETURN(std::string text, state_text(dir, state, state_name, relative));
  return write_file_atomically(path_join(dir, state_name), text);
}

Result<CheckpointState> parse_state(const std::string& dir, const std::string& text, const std::string& heading) {
  pb::CheckpointState proto;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &proto)) {
    return data_loss(
        heading, ": it is damaged, or not a file that names checkpoints (model_checkpoint_path: \"…\"): ", error.text);
  }
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

// Whether files of the checkpoint `prefix` may be removed by what keeps `dir` in order: never outside it.
bool is_in(const std::string& dir, const std::string& prefix) {
  std::string name = path_name(prefix);
  return path_dir(prefix) == dir && !name.empty() && name != "." && name != "..";
}

}  // namespace

Result<CheckpointState> read_checkpoint_state(const std::string& dir, const std::string& state_name) {
  TARN_RETURN_IF_ERROR(check_state_name(state_name));
  std::string path = path_join(dir, state_name);
  TARN_ASSIGN_OR_RETURN(std::string text, read_file(path, kMaxStateBytes));
  return parse_state(dir, text, str_cat("checkpoint state ", tarn::quoted(path)));
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

namespace {

// A CheckpointHistory that removes old checkpoints holds a temporary file of this name, with the state file as it will
// be. If it is killed, what the state file names and this does not is still to be removed.
constexpr std::string_view kRemoving = ".removing";

bool names(const CheckpointState& state, const std::string& prefix) {
  return std::find(state.all.begin(), state.all.end(), prefix) != state.all.end();
}

Status finish_removing(const std::string& dir, const std::string& state_path, const CheckpointState& present,
                       const CheckpointState& next, const std::string& text) {
  if (present.latest != next.latest) return {};  // killed before the state file named the new one
  Problems problems;
  for (const std::string& prefix : present.all) {
    if (!names(next, prefix) && is_in(dir, prefix)) problems.add(remove_checkpoint(prefix));
  }
  problems.add(write_file_atomically(state_path, text));
  return problems.to_status("");
}

}  // namespace

Status sweep_unfinished_checkpoints(const std::string& dir, const std::string& state_name) {
  TARN_RETURN_IF_ERROR(check_state_name(state_name));
  auto present_state = [&](const std::string& path) -> Result<CheckpointState> {
    if (!file_exists(path)) return CheckpointState();
    return read_checkpoint_state(dir, path_name(path));
  };
  TARN_ASSIGN_OR_RETURN(const CheckpointState kept, present_state(path_join(dir, state_name)));
  Problems problems;
  // What was begun, for this state file or another one of the folder.
  TARN_ASSIGN_OR_RETURN(std::vector<StaleTemp> temps, read_stale_temps(dir, kMaxStateBytes));
  for (const StaleTemp& temp : temps) {
    if (!temp.bytes.starts_with("model_checkpoint_path:")) continue;
    Result<CheckpointState> next = parse_state(dir, temp.bytes, temp.target);
    if (!next.ok() || !is_in(dir, next->latest)) continue;  // killed before it was begun
    const bool removing = temp.target.ends_with(kRemoving);
    const std::string state_path = temp.target.substr(0, temp.target.size() - (removing ? kRemoving.size() : 0));
    TARN_ASSIGN_OR_RETURN(const CheckpointState present, present_state(state_path));
    if (removing) {
      problems.add(finish_removing(dir, state_path, present, *next, temp.bytes));
    } else {
      problems.add(names(present, next->latest) ? settle_checkpoint(next->latest) : remove_checkpoint(next->latest));
    }
  }
  problems.add(sweep_killed_saves(dir));
  for (const std::string& prefix : kept.all) {
    if (is_in(dir, prefix)) problems.add(settle_checkpoint(prefix));
  }
  return problems.to_status(str_cat("clearing up after killed saves in ", tarn::quoted(dir)));
}

// With what is too old still in front.
CheckpointState CheckpointHistory::next(const std::string& prefix) const {
  CheckpointState state{prefix, kept_};
  std::erase(state.all, prefix);
  state.all.push_back(prefix);
  return state;
}

// A temporary file that holds `state`, to become the state file, `suffix` added to its name.
Result<AtomicFile> CheckpointHistory::write_ahead(const std::string& dir, const CheckpointState& state,
                                                  std::string_view suffix) const {
  TARN_ASSIGN_OR_RETURN(std::string text, state_text(dir, state, options_.state_name, options_.relative_paths));
  TARN_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path_join(dir, str_cat(options_.state_name, suffix))));
  leave_when_killed(file);
  TARN_RETURN_IF_ERROR(file.append(text));
  TARN_RETURN_IF_ERROR(file.sync());
  return file;
}

Status CheckpointHistory::begin(const std::string& prefix) {
  begun_.reset();
  const std::string dir = path_dir(prefix);
  if (!swept_) {
    TARN_RETURN_IF_ERROR(sweep_unfinished_checkpoints(dir, options_.state_name));
    swept_ = true;
  }
  TARN_ASSIGN_OR_RETURN(AtomicFile file, write_ahead(dir, next(prefix), ""));
  begun_.emplace(prefix, std::move(file));
  return {};
}

Status CheckpointHistory::record(const std::string& prefix) {
  std::string dir = path_dir(prefix);
  const CheckpointState all = next(prefix);
  std::vector<std::string> kept = all.all, old;
  std::optional<AtomicFile> removing;
  if (options_.max_to_keep > 0 && kept.size() > static_cast<size_t>(options_.max_to_keep)) {
    auto end = kept.end() - options_.max_to_keep;
    old.assign(kept.begin(), end);
    kept.erase(kept.begin(), end);
    TARN_ASSIGN_OR_RETURN(removing, write_ahead(dir, {prefix, kept}, kRemoving));
  }
  if (begun_ && begun_->prefix == prefix) {
    Status status = begun_->state.commit();
    begun_.reset();
    TARN_RETURN_IF_ERROR(status);
  } else {
    TARN_RETURN_IF_ERROR(write_state(dir, all, options_.state_name, options_.relative_paths));
  }
  kept_ = std::move(kept);
  if (old.empty()) return {};
  Problems problems;
  for (const std::string& path : old) {
    if (is_in(dir, path)) problems.add(remove_checkpoint(path));
  }
  problems.add(write_state(dir, {prefix, kept_}, options_.state_name, options_.relative_paths));
  return problems.to_status(str_cat("checkpoint ", tarn::quoted(prefix), " is saved, but older ones stay"));
}

}  // namespace tarn
