#include "core/status.h"

namespace tarn {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kCancelled: return "Cancelled";
    case Code::kUnknown: return "Unknown";
    case Code::kInvalidArgument: return "InvalidArgument";
    case Code::kDeadlineExceeded: return "DeadlineExceeded";
    case Code::kNotFound: return "NotFound";
    case Code::kAlreadyExists: return "AlreadyExists";
    case Code::kPermissionDenied: return "PermissionDenied";
    case Code::kResourceExhausted: return "ResourceExhausted";
    case Code::kFailedPrecondition: return "FailedPrecondition";
    case Code::kAborted: return "Aborted";
    case Code::kOutOfRange: return "OutOfRange";
    case Code::kUnimplemented: return "Unimplemented";
    case Code::kInternal: return "Internal";
    case Code::kUnavailable: return "Unavailable";
    case Code::kDataLoss: return "DataLoss";
  }
  return "Unknown";
}

Status::Status(Code code, std::string message) {
  if (code != Code::kOk) rep_ = new Rep{code, std::move(message), {}};
}

void Status::free(Rep* rep) {
  delete rep;
}

Status::Status(const Status& other) : rep_(other.rep_ != nullptr ? new Rep(*other.rep_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) *this = Status(other);
  return *this;
}

namespace joining {

Status error(Code code, const char* letters, ...) {
  std::string message;
  std::va_list arguments;
  va_start(arguments, letters);
  append_list(message, letters, arguments);
  va_end(arguments);
  return Status(code, std::move(message));
}

}  // namespace joining

std::string_view Status::message() const {
  return rep_ ? std::string_view(rep_->message) : std::string_view();
}
std::string_view Status::node() const {
  return rep_ ? std::string_view(rep_->node) : std::string_view();
}

std::string Status::to_string() const {
  if (ok()) return "OK";
  return str_cat(code_name(rep_->code), ": ", rep_->message);
}

Status Status::with_context(std::string_view context) const {
  if (ok()) return {};
  Status result(rep_->code, str_cat(context, ": ", rep_->message));
  result.rep_->node = rep_->node;
  return result;
}

Status Status::with_node(std::string_view node) const {
  Status result = *this;
  if (result.rep_ && result.rep_->node.empty()) result.rep_->node = node;
  return result;
}

void Problems::add(const Status& status) {
  if (status.ok()) return;
  if (first_.ok()) first_ = status;
  if (count_++ < 1000) str_append(lines_, "\n  ", status.message());
}

void Problems::add(std::string problem) {
  add(Status(Code::kInvalidArgument, std::move(problem)));
}

Status Problems::to_status(std::string_view heading, int most) const {
  if (count_ == 0) return {};
  if (count_ == 1) return heading.empty() ? first_ : first_.with_context(heading);
  size_t end = 0;
  int shown = 0;
  while (shown < most && end != std::string::npos) {
    end = lines_.find("\n  ", end + 1);
    ++shown;
  }
  std::string_view lines = std::string_view(lines_).substr(0, end);
  std::string text =
      heading.empty() ? std::string(lines.substr(3)) : str_cat(heading, ": ", count_, " problems", lines);
  if (count_ > shown) str_append(text, "\n  and ", count_ - shown, " more");
  return Status(first_.code(), std::move(text)).with_node(first_.node());
}

}  // namespace tarn
