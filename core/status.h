// Status and Result<T>: how every Tarn function that can fail says so.
//
//   Result<Tensor> t = Tensor::allocate(DType::kFloat, Shape{2, 3});
//   if (!t.ok()) return t.status().with_context("loading weights");
//   use(*t);
//
// A Status is one pointer; null is OK. Nothing in Tarn throws across a public surface or aborts on bad input.
// Thread-compatible.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/strings.h"

namespace tarn {

// TensorFlow's error codes, with its numbers.
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
};

// "InvalidArgument", "NotFound", …
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message);
  Status(const Status& other);
  Status& operator=(const Status& other);
  // Inlined where nothing else is: behind `if (!status.ok()) return status;` a compiler that sees these knows that
  // there is nothing to free on either way.
  [[gnu::always_inline]] Status(Status&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
  [[gnu::always_inline]] Status& operator=(Status&& other) noexcept {
    if (Rep* old = std::exchange(rep_, std::exchange(other.rep_, nullptr)); old != nullptr) free(old);
    return *this;
  }
  [[gnu::always_inline]] ~Status() {
    if (rep_ != nullptr) free(rep_);
  }

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  // The message without the code; empty when OK.
  std::string_view message() const;
  // The node the error is about, or empty.
  std::string_view node() const;
  // "InvalidArgument: Conv2D 'conv1': filter expects …", or "OK".
  std::string to_string() const;

  // The same error with "context: " in front of the message. OK stays OK.
  Status with_context(std::string_view context) const;
  // The same error carrying the node's name (kept if one is set already).
  Status with_node(std::string_view node) const;
  // Keeps the first error: `status.update(next)` does nothing if `status` is already an error.
  void update(const Status& next) {
    if (ok()) *this = next;
  }

 private:
  struct Rep {
    Code code;
    std::string message;
    std::string node;
  };
  [[gnu::cold]] static void free(Rep* rep);
  Rep* rep_ = nullptr;
};

// Error constructors: arguments are joined as by str_cat.
namespace joining {
[[gnu::cold]] Status error(Code code, const char* letters, ...);
}
template <class... Args>
[[gnu::always_inline]] inline Status make_error(Code code, const Args&... args) {
  return joining::error(code, joining::kLetters<std::decay_t<const Args&>...>, joining::pass(joining::hold(args))...);
}
#define TARN_DEFINE_ERROR(function, code)                              \
  template <class... Args>                                             \
  [[gnu::always_inline]] inline Status function(const Args&... args) { \
    return make_error(Code::code, args...);                            \
  }
TARN_DEFINE_ERROR(invalid_argument, kInvalidArgument)
TARN_DEFINE_ERROR(not_found, kNotFound)
TARN_DEFINE_ERROR(already_exists, kAlreadyExists)
TARN_DEFINE_ERROR(resource_exhausted, kResourceExhausted)
TARN_DEFINE_ERROR(failed_precondition, kFailedPrecondition)
TARN_DEFINE_ERROR(out_of_range, kOutOfRange)
TARN_DEFINE_ERROR(unimplemented, kUnimplemented)
TARN_DEFINE_ERROR(internal_error, kInternal)
TARN_DEFINE_ERROR(data_loss, kDataLoss)
#undef TARN_DEFINE_ERROR

// A value or the error that stands in its place.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {  // NOLINT
    assert(!status_.ok() && "a Result from an OK status has no value");
  }

  bool ok() const { return status_.ok(); }
  const Status& status() const& { return status_; }
  Status&& status() && { return std::move(status_); }

  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T value_or(T other) const { return ok() ? *value_ : std::move(other); }

 private:
  Status status_;
  std::optional<T> value_;
};

// Collects every problem of one file or call, so that all are said at once.
class Problems {
 public:
  void add(const Status& status);
  void add(std::string problem);
  bool empty() const { return count_ == 0; }
  int count() const { return count_; }
  // OK if none; else one Status: the code of the first and one line a problem (at most `most`, then "and N more").
  // Without a heading the first problem opens the message.
  Status to_status(std::string_view heading = {}, int most = 50) const;

 private:
  Status first_;
  std::string lines_;
  int count_ = 0;
};

#define TARN_CONCAT_(a, b) a##b
#define TARN_CONCAT(a, b) TARN_CONCAT_(a, b)
#define TARN_RETURN_IF_ERROR(expr)                                                     \
  do {                                                                                 \
    if (::tarn::Status tarn_status_ = (expr); !tarn_status_.ok()) return tarn_status_; \
  } while (false)
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` may declare.
#define TARN_ASSIGN_OR_RETURN_(result, lhs, expr)      \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)
// TARN_ASSIGN_OR_RETURN(Tensor t, make_tensor());
#define TARN_ASSIGN_OR_RETURN(lhs, expr) TARN_ASSIGN_OR_RETURN_(TARN_CONCAT(tarn_result_, __COUNTER__), lhs, expr)
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace tarn
