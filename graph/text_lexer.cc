#include "graph/text_lexer.h"

#include <algorithm>
#include <array>

namespace tarn {
namespace {

constexpr std::string_view kMarks = ":=(){}[],^?$@";

// Also what numbers are made of.
bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.-+/>\\").find(c) != std::string_view::npos;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // not the middle of a UTF-8 sequence
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

const TextToken& TextLexer::peek() {
  if (!has_peeked_) peeked_ = scan();
  has_peeked_ = true;
  return peeked_;
}

TextToken TextLexer::next() {
  TextToken token = peek();
  has_peeked_ = false;
  return token;
}

TextToken TextLexer::scan() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && open_ > 0)) {
      ++at_;
    } else {
      break;
    }
  }
  if (at_ >= text_.size()) return {TextToken::kEnd, {}, text_.size()};
  size_t start = at_;
  char c = text_[at_];
  if (c == '\n') {
    ++at_;
    return {TextToken::kNewline, text_.substr(start, 1), start};
  }
  if (c == '"') {
    for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    if (at_ >= text_.size() || text_[at_] != '"') {
      at_ = std::min(at_, text_.size());
      return {TextToken::kMark, text_.substr(start, 1), start};  // no rule takes it: "expected …, got an open string"
    }
    ++at_;
    return {TextToken::kString, text_.substr(start + 1, at_ - start - 2), start};
  }
  if (is_word_char(c)) {
    while (at_ < text_.size() && is_word_char(text_[at_])) ++at_;
    return {TextToken::kWord, text_.substr(start, at_ - start), start};
  }
  ++at_;
  if (c == '(' || c == '[' || c == '{') ++open_;
  if (c == ')' || c == ']' || c == '}') open_ = std::max(0, open_ - 1);
  return {TextToken::kMark, text_.substr(start, 1), start};
}

bool TextLexer::take(char mark) {
  if (!peek().is_mark(mark)) return false;
  next();
  return true;
}

bool TextLexer::take_word(std::string_view word) {
  if (!peek().is_word(word)) return false;
  next();
  return true;
}

Status TextLexer::expect(char mark, std::string_view after) {
  if (take(mark)) return {};
  return error_at(peek(), "expected '", mark, "' after ", after, ", got ", describe(peek()));
}

Result<TextToken> TextLexer::expect_word(std::string_view what) {
  if (peek().kind == TextToken::kWord) return next();
  return error_at(peek(), "expected ", what, ", got ", describe(peek()));
}

void TextLexer::recover() {
  if (has_peeked_) at_ = peeked_.offset;
  has_peeked_ = false;
  open_ = 0;
  at_ = std::min(text_.find('\n', at_), text_.size());
}

TextLexer::Position TextLexer::position(size_t offset) const {
  if (line_begins_.empty()) {  // errors only
    line_begins_.push_back(0);
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\n') line_begins_.push_back(i + 1);
    }
  }
  auto line = std::upper_bound(line_begins_.begin(), line_begins_.end(), offset) - line_begins_.begin() - 1;
  size_t begin = line_begins_[static_cast<size_t>(line)];
  std::string_view before = text_.substr(begin, offset - begin);
  auto column = static_cast<int>(std::count_if(before.begin(), before.end(), starts_character));
  return {first_line_ + static_cast<int>(line), column + 1, begin};
}

std::string TextLexer::place(size_t offset) const {
  Position at = position(offset);
  return str_cat(at.line, ":", at.column);
}

Status TextLexer::error(size_t offset, std::string_view message) const {
  constexpr size_t kMostBefore = 80, kMostAfter = 40;  // of a long line, bytes around the spot
  Position at = position(offset);
  size_t begin = at.line_begin;
  size_t end = std::min(text_.find('\n', offset), text_.size());
  if (offset - begin > kMostBefore) begin = offset - kMostBefore;
  while (begin < offset && !starts_character(text_[begin])) ++begin;
  if (end > offset && end - offset > kMostAfter) end = offset + kMostAfter;
  std::string shown;
  for (char c : text_.substr(begin, end - begin)) shown += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  auto indent =
      std::count_if(shown.begin(), shown.begin() + static_cast<std::ptrdiff_t>(offset - begin), starts_character);
  return invalid_argument(source_, ":", at.line, ":", at.column, ": ", message, "\n  ", shown, "\n  ",
                          std::string(static_cast<size_t>(indent), ' '), "^");
}

std::string describe(const TextToken& token) {
  switch (token.kind) {
    case TextToken::kEnd: return "the end of the text";
    case TextToken::kNewline: return "the end of the line";
    case TextToken::kString: return "a string";
    case TextToken::kMark:
      if (token.text == "\"") return "a string without its closing '\"'";
      if (kMarks.find(token.text[0]) == std::string_view::npos) return str_cat("the character ", quoted(token.text));
      return quoted(token.text);
    case TextToken::kWord: break;
  }
  return quoted(token.text);
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    char c = ++i < text.size() ? text[i] : '\0';
    if (c == 'x') {
      int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return invalid_argument("\\x needs two hex digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
      continue;
    }
    constexpr std::string_view kEscapes = "nrt\"\\", kMeant = "\n\r\t\"\\";
    size_t which = kEscapes.find(c);
    if (which == std::string_view::npos) return invalid_argument("unknown escape '\\", c, "'");
    out += kMeant[which];
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    // printable() escapes what is not UTF-8 or a control character, one at a time; quotes and backslashes are ours.
    char c = text[0];
    size_t length = 1;
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n' || c == '\t' || c == '\r') {
      out += {'\\', c == '\n' ? 'n' : c == '\t' ? 't' : 'r'};
    } else {
      while (length < 4 && length < text.size() && !starts_character(text[length])) ++length;
      out += printable(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return out + "\"";
}

std::string base64_encode(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    auto byte = [&](size_t k) -> uint32_t { return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0; };
    uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  static const std::array<int8_t, 256> kValues = [] {
    std::array<int8_t, 256> values;
    values.fill(-1);
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
    return values;
  }();
  if (text.size() % 4 != 0) return invalid_argument("base64 of ", text.size(), " characters: no multiple of 4");
  size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    for (size_t k = i; k < i + 4; ++k) {
      int value = k >= text.size() - padding ? 0 : kValues[static_cast<unsigned char>(text[k])];
      if (value < 0) return invalid_argument("character ", k, " of the base64 is ", quoted(text.substr(k, 1)));
      group = group << 6 | static_cast<uint32_t>(value);
    }
    out += {static_cast<char>(group >> 16), static_cast<char>(group >> 8), static_cast<char>(group)};
  }
  for (; padding > 0; --padding) out.pop_back();
  return out;
}

Result<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return invalid_argument("hex of ", text.size(), " characters: an odd number");
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return invalid_argument("no hex digits: ", quoted(text.substr(i, 2)));
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace tarn
