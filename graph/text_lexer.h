// Words and marks of Tarn's text form, and errors that point at them.
//
// A newline is a token only outside brackets; comments (# …) and other space are none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace tarn {

struct TextToken {
  enum Kind { kWord, kString, kMark, kNewline, kEnd };
  Kind kind = kEnd;
  std::string_view text;  // as written; of a string: without its quotes, escapes not undone
  size_t offset = 0;
  bool is_mark(char c) const { return kind == kMark && text[0] == c; }
  bool is_word(std::string_view word) const { return kind == kWord && text == word; }
};

class TextLexer {
 public:
  // `source` and `first_line` are for messages.
  TextLexer(std::string_view text, std::string source, int first_line)
      : text_(text), source_(std::move(source)), first_line_(first_line) {}

  const TextToken& peek();
  TextToken next();
  bool take(char mark);
  bool take_word(std::string_view word);
  // Errors: "expected ')' …".
  Status expect(char mark, std::string_view after);
  Result<TextToken> expect_word(std::string_view what);
  // Skips the rest of the line, whatever is open, after an error.
  void recover();

  // "model.txt:3:14: <message>" and the line with a caret.
  Status error(size_t offset, std::string_view message) const;
  template <class... Args>
  Status error_at(const TextToken& token, const Args&... args) const {
    return error(token.offset, str_cat(args...));
  }
  // "3:14".
  std::string place(size_t offset) const;

 private:
  struct Position {
    int line, column;
    size_t line_begin;
  };
  Position position(size_t offset) const;
  TextToken scan();

  std::string_view text_;
  std::string source_;
  int first_line_;
  size_t at_ = 0;
  int open_ = 0;  // brackets
  bool has_peeked_ = false;
  TextToken peeked_;
  mutable std::vector<size_t> line_begins_;  // made for the first error
};

// What a token is, for messages: "'Relu'", "the end of the line".
std::string describe(const TextToken& token);

// Undoes \n \t \r \" \\ \xNN; other escapes are errors.
Result<std::string> unescape(std::string_view text);
// "…" with escapes; valid UTF-8 stays as it is.
std::string escaped(std::string_view text);

std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);
Result<std::string> hex_decode(std::string_view text);

}  // namespace tarn
