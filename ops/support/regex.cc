#include "ops/support/regex.h"

#include <algorithm>

namespace tarn {
namespace {

using Step = Regex::Step;
using Code = std::vector<Step>;
using Set = std::vector<Regex::Range>;

constexpr uint32_t kLastCodePoint = 0x10FFFF;
constexpr size_t kMostSteps = 20000;
constexpr int kMostDepth = 200, kMostRepeats = 1000, kMostGroups = 100;

// The code point at `at`, and how many bytes it has. A byte that begins none stands for itself, beyond all others.
uint32_t decode(std::string_view text, size_t at, size_t& size) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  uint32_t first = byte(at);
  size = first < 0x80 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : (first & 0xF8) == 0xF0 ? 4 : 0;
  if (size == 1) return first;
  bool is_good = size > 0 && at + size <= text.size();
  uint32_t point = is_good ? first & (0xFFu >> (size + 1)) : 0;
  for (size_t i = 1; is_good && i < size; ++i) {
    is_good = (byte(at + i) & 0xC0) == 0x80;
    point = point << 6 | (byte(at + i) & 0x3F);
  }
  if (is_good) return point;
  size = 1;
  return kLastCodePoint + 1 + first;
}

void append_code(Code& to, const Code& more) {
  to.insert(to.end(), more.begin(), more.end());
}
Step step(Step::Kind kind, int a = 0, int b = 0) {
  return {kind, a, b, {}};
}
int length_of(const Code& code) {
  return static_cast<int>(code.size());
}

Set negated(Set set) {
  std::sort(set.begin(), set.end());
  Set rest;
  uint32_t next = 0;
  for (auto [first, last] : set) {
    if (first > next) rest.emplace_back(next, first - 1);
    next = std::max(next, last + 1);
  }
  rest.emplace_back(next, kLastCodePoint + 256);
  return rest;
}

// Functions rather than constants: nothing is constructed before main.
Set digits() {
  return {{'0', '9'}};
}
Set word_characters() {
  return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
}
Set spaces() {
  return {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  Result<Code> parse() {
    Code code{step(Step::kSave, 0)};
    TARN_ASSIGN_OR_RETURN(Code body, alternatives(0));
    if (at_ < pattern_.size()) return error("unexpected )");
    append_code(code, body);
    code.push_back(step(Step::kSave, 1));
    code.push_back(step(Step::kMatch));
    if (code.size() > kMostSteps) return error("the pattern is too large");
    if (groups_ > kMostGroups) return error("too many groups");
    return code;
  }
  int groups() const { return groups_; }

 private:
  struct Flags {
    bool ignore_case = false, dot_all = false, lines = false, ungreedy = false;
  };

  Status error(std::string_view what) const {
    return invalid_argument("Invalid pattern: ", quoted(pattern_), ", error: ", what, " at ", at_);
  }
  bool at_end() const { return at_ >= pattern_.size(); }
  bool take(char c) {
    if (at_end() || pattern_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<Code> alternatives(int depth) {
    if (depth > kMostDepth) return error("groups are nested too deeply");
    Flags outer = flags_;
    TARN_ASSIGN_OR_RETURN(Code code, sequence(depth));
    while (take('|')) {
      TARN_ASSIGN_OR_RETURN(Code other, sequence(depth));
      Code both{step(Step::kSplit, 1, length_of(code) + 2)};
      append_code(both, code);
      both.push_back(step(Step::kJump, length_of(other) + 1));
      append_code(both, other);
      code = std::move(both);
      if (code.size() > kMostSteps) return error("the pattern is too large");
    }
    flags_ = outer;
    return code;
  }

  Result<Code> sequence(int depth) {
    Code code;
    while (!at_end() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      TARN_ASSIGN_OR_RETURN(Code atom, one(depth));
      TARN_ASSIGN_OR_RETURN(atom, repeated(std::move(atom)));
      append_code(code, atom);
      if (code.size() > kMostSteps) return error("the pattern is too large");
    }
    return code;
  }

  Result<Code> repeated(Code atom) {
    while (!at_end()) {
      int least = 0, most = 0;  // most -1: any number
      size_t before = at_;
      if (take('*')) {
        most = -1;
      } else if (take('+')) {
        least = 1, most = -1;
      } else if (take('?')) {
        most = 1;
      } else if (!counts(least, most)) {
        at_ = before;
        return atom;
      }
      if (least > kMostRepeats || most > kMostRepeats || (most >= 0 && most < least)) {
        return error("invalid repetition size");
      }
      bool is_lazy = take('?') != flags_.ungreedy;
      Code code;
      for (int i = 0; i < least; ++i) {
        append_code(code, atom);
        if (code.size() > kMostSteps) return error("the pattern is too large");
      }
      auto choose = [&](int into, int past) {
        return is_lazy ? step(Step::kSplit, past, into) : step(Step::kSplit, into, past);
      };
      if (most < 0) {
        code.push_back(choose(1, length_of(atom) + 2));
        append_code(code, atom);
        code.push_back(step(Step::kJump, -(length_of(atom) + 1)));
      }
      for (int i = least; i < most; ++i) {
        code.push_back(choose(1, (most - i) * (length_of(atom) + 1)));
        append_code(code, atom);
        if (code.size() > kMostSteps) return error("the pattern is too large");
      }
      atom = std::move(code);
    }
    return atom;
  }

  // "{2}", "{2,}", "{2,5}"; anything else is text.
  bool counts(int& least, int& most) {
    if (!take('{') || !number(least)) return false;
    most = least;
    if (take(',') && !number(most)) most = -1;
    return take('}');
  }
  bool number(int& value) {
    size_t begin = at_;
    value = 0;
    while (!at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
      value = std::min(value * 10 + (pattern_[at_++] - '0'), kMostRepeats + 1);
    }
    return at_ > begin;
  }

  Result<Code> one(int depth) {
    char c = pattern_[at_];
    switch (c) {
      case '(': ++at_; return group(depth);
      case '[': {
        ++at_;
        TARN_ASSIGN_OR_RETURN(Set set, char_class());
        return of_set(std::move(set));
      }
      case '.': ++at_; return of_set(flags_.dot_all ? Set{{0, kLastCodePoint + 256}} : negated({{'\n', '\n'}}));
      case '^': ++at_; return Code{step(flags_.lines ? Step::kLineBegin : Step::kBegin)};
      case '$': ++at_; return Code{step(flags_.lines ? Step::kLineEnd : Step::kEnd)};
      case '\\': return escape();
      case '*':
      case '+':
      case '?': return error("no argument for repetition operator");
      default: {
        size_t size = 0;
        uint32_t point = decode(pattern_, at_, size);
        at_ += size;
        return of_set({{point, point}});
      }
    }
  }

  Result<Code> group(int depth) {
    int number = -1;
    if (take('?')) {
      if (take('P')) {
        if (!take('<')) return error("invalid group");
        while (!at_end() && pattern_[at_] != '>') ++at_;
        if (!take('>')) return error("invalid named group");
        number = groups_++;
      } else {
        bool value = true;
        Flags outer = flags_;
        while (!at_end() && pattern_[at_] != ':' && pattern_[at_] != ')') {
          switch (pattern_[at_++]) {
            case 'i': flags_.ignore_case = value; break;
            case 's': flags_.dot_all = value; break;
            case 'm': flags_.lines = value; break;
            case 'U': flags_.ungreedy = value; break;
            case '-': value = false; break;
            default: return error("invalid group flag");
          }
        }
        if (take(')')) return Code{};  // for the rest of the group around
        if (!take(':')) return error("missing )");
        TARN_ASSIGN_OR_RETURN(Code body, alternatives(depth + 1));
        flags_ = outer;
        if (!take(')')) return error("missing )");
        return body;
      }
    } else {
      number = groups_++;
    }
    TARN_ASSIGN_OR_RETURN(Code body, alternatives(depth + 1));
    if (!take(')')) return error("missing )");
    Code code{step(Step::kSave, 2 * number)};
    append_code(code, body);
    code.push_back(step(Step::kSave, 2 * number + 1));
    return code;
  }

  Code of_set(Set set) const {
    if (flags_.ignore_case) {
      Set folded = set;
      for (auto [first, last] : set) {
        for (uint32_t c = std::max<uint32_t>(first, 'A'); c <= std::min<uint32_t>(last, 'z'); ++c) {
          if (c <= 'Z') folded.emplace_back(c + 32, c + 32);
          if (c >= 'a') folded.emplace_back(c - 32, c - 32);
        }
      }
      set = std::move(folded);
    }
    Step matched = step(Step::kSet);
    matched.set = std::move(set);
    return {std::move(matched)};
  }

  // \d and its like; false if `c` names no set.
  static bool named_set(char c, Set& set) {
    switch (c) {
      case 'd': set = digits(); return true;
      case 'D': set = negated(digits()); return true;
      case 'w': set = word_characters(); return true;
      case 'W': set = negated(word_characters()); return true;
      case 's': set = spaces(); return true;
      case 'S': set = negated(spaces()); return true;
      default: return false;
    }
  }

  // After a backslash: one character. Letters and digits without a meaning are errors, so that new ones may get one.
  Result<uint32_t> escaped() {
    if (at_end()) return error("trailing \\");
    char c = pattern_[at_++];
    switch (c) {
      case 'n': return uint32_t{'\n'};
      case 't': return uint32_t{'\t'};
      case 'r': return uint32_t{'\r'};
      case 'f': return uint32_t{'\f'};
      case 'v': return uint32_t{'\v'};
      case 'a': return uint32_t{'\a'};
      case 'x': return hex();
      default: break;
    }
    bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_word) return error("invalid escape sequence");
    --at_;
    size_t size = 0;
    uint32_t point = decode(pattern_, at_, size);
    at_ += size;
    return point;
  }
  Result<uint32_t> hex() {
    bool braced = take('{');
    uint32_t value = 0;
    int digits = 0;
    for (; !at_end() && digits < (braced ? 6 : 2); ++digits, ++at_) {
      char c = pattern_[at_];
      int digit = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    bool is_good = braced ? digits > 0 && take('}') : digits == 2;
    if (!is_good || value > kLastCodePoint) return error("invalid escape sequence");
    return value;
  }

  Result<Code> escape() {
    ++at_;
    if (at_end()) return error("trailing \\");
    Set set;
    switch (pattern_[at_]) {
      case 'A': ++at_; return Code{step(Step::kBegin)};
      case 'z': ++at_; return Code{step(Step::kEnd)};
      case 'b': ++at_; return Code{step(Step::kBoundary)};
      case 'B': ++at_; return Code{step(Step::kNoBoundary)};
      default: break;
    }
    if (named_set(pattern_[at_], set)) {
      ++at_;
      return of_set(std::move(set));
    }
    TARN_ASSIGN_OR_RETURN(uint32_t point, escaped());
    return of_set({{point, point}});
  }

  Result<uint32_t> class_point() {
    if (take('\\')) return escaped();
    size_t size = 0;
    uint32_t point = decode(pattern_, at_, size);
    at_ += size;
    return point;
  }

  // "[:alpha:]" within a class.
  bool posix_set(Set& set) {
    struct Named {
      std::string_view name;
      Set set;
    };
    const Named sets[] = {{"alpha", {{'A', 'Z'}, {'a', 'z'}}},
                          {"digit", digits()},
                          {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
                          {"upper", {{'A', 'Z'}}},
                          {"lower", {{'a', 'z'}}},
                          {"space", {{'\t', '\r'}, {' ', ' '}}},
                          {"blank", {{'\t', '\t'}, {' ', ' '}}},
                          {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
                          {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
                          {"word", word_characters()},
                          {"cntrl", {{0, 31}, {127, 127}}},
                          {"print", {{' ', '~'}}},
                          {"graph", {{'!', '~'}}}};
    std::string_view rest = pattern_.substr(at_);
    if (!rest.starts_with("[:")) return false;
    size_t end = rest.find(":]");
    if (end == std::string_view::npos) return false;
    std::string_view name = rest.substr(2, end - 2);
    bool is_negated = name.starts_with('^');
    if (is_negated) name.remove_prefix(1);
    for (const Named& named : sets) {
      if (named.name != name) continue;
      set = is_negated ? negated(named.set) : named.set;
      at_ += end + 2;
      return true;
    }
    return false;
  }

  Result<Set> char_class() {
    bool is_negated = take('^');
    Set set;
    bool is_first = true;
    while (true) {
      if (at_end()) return error("missing ]");
      if (!is_first && take(']')) break;
      is_first = false;
      Set named;
      if (posix_set(named)) {
        set.insert(set.end(), named.begin(), named.end());
        continue;
      }
      if (pattern_[at_] == '\\' && at_ + 1 < pattern_.size() && named_set(pattern_[at_ + 1], named)) {
        at_ += 2;
        set.insert(set.end(), named.begin(), named.end());
        continue;
      }
      TARN_ASSIGN_OR_RETURN(uint32_t first, class_point());
      uint32_t last = first;
      bool is_range = at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']';
      if (is_range) {
        ++at_;
        TARN_ASSIGN_OR_RETURN(last, class_point());
        if (last < first) return error("invalid character class range");
      }
      set.emplace_back(first, last);
    }
    return is_negated ? negated(std::move(set)) : set;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  Flags flags_;
  int groups_ = 1;
};

bool is_word_at(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  char c = text[at];
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

Result<Regex> Regex::parse(std::string_view pattern) {
  Parser parser(pattern);
  Regex regex;
  TARN_ASSIGN_OR_RETURN(regex.steps_, parser.parse());
  regex.groups_ = parser.groups();
  return regex;
}

bool Regex::holds(Step::Kind kind, std::string_view text, size_t at) const {
  switch (kind) {
    case Step::kBegin: return at == 0;
    case Step::kEnd: return at == text.size();
    case Step::kLineBegin: return at == 0 || text[at - 1] == '\n';
    case Step::kLineEnd: return at == text.size() || text[at] == '\n';
    default: {
      bool is_boundary = (at > 0 && is_word_at(text, at - 1)) != is_word_at(text, at);
      return is_boundary == (kind == Step::kBoundary);
    }
  }
}

struct Regex::Thread {
  int at;                     // a kSet or kMatch step
  std::vector<size_t> slots;  // where groups begin and end
};

std::vector<size_t> Regex::find(std::string_view text, size_t from, bool whole) const {
  std::vector<Thread> now, next, left;
  std::vector<size_t> seen(steps_.size(), SIZE_MAX), found;
  const std::vector<size_t> none(static_cast<size_t>(2 * groups_), std::string_view::npos);
  // Follows a thread to the steps that take a character, the preferred ways first.
  auto follow = [&](Thread thread, size_t at, std::vector<Thread>& to) {
    left.push_back(std::move(thread));
    while (!left.empty()) {
      Thread t = std::move(left.back());
      left.pop_back();
      if (seen[static_cast<size_t>(t.at)] == at) continue;
      seen[static_cast<size_t>(t.at)] = at;
      const Step& s = steps_[static_cast<size_t>(t.at)];
      switch (s.kind) {
        case Step::kSet:
        case Step::kMatch: to.push_back(std::move(t)); break;
        case Step::kSplit:
          left.push_back({t.at + s.b, t.slots});
          left.push_back({t.at + s.a, std::move(t.slots)});
          break;
        case Step::kJump: left.push_back({t.at + s.a, std::move(t.slots)}); break;
        case Step::kSave:
          t.slots[static_cast<size_t>(s.a)] = at;
          left.push_back({t.at + 1, std::move(t.slots)});
          break;
        default:
          if (holds(s.kind, text, at)) left.push_back({t.at + 1, std::move(t.slots)});
      }
    }
  };
  size_t size = 0;
  for (size_t at = from; at <= text.size(); at += size) {
    // A match that begins later is worse than those under way.
    if (found.empty() && (!whole || at == from)) follow({0, none}, at, now);
    if (now.empty() && (whole || !found.empty())) break;
    uint32_t point = 0;
    size = 1;
    bool is_end = at == text.size();
    if (!is_end) point = decode(text, at, size);
    next.clear();
    for (Thread& thread : now) {
      const Step& s = steps_[static_cast<size_t>(thread.at)];
      if (s.kind == Step::kMatch) {
        if (whole && !is_end) continue;
        found = thread.slots;
        break;  // threads after this one are worse
      }
      bool matches = !is_end && std::any_of(s.set.begin(), s.set.end(), [&](const Range& range) {
        return point >= range.first && point <= range.second;
      });
      if (matches) follow({thread.at + 1, std::move(thread.slots)}, at + size, next);
    }
    now.swap(next);
  }
  return found;
}

bool Regex::full_match(std::string_view text) const {
  return !find(text, 0, true).empty();
}

Status Regex::check_rewrite(std::string_view rewrite) const {
  for (size_t i = 0; i < rewrite.size(); ++i) {
    if (rewrite[i] != '\\') continue;
    char c = ++i < rewrite.size() ? rewrite[i] : '\0';
    if (c == '\\') continue;
    if (c < '0' || c > '9')
      return invalid_argument("Invalid rewrite pattern: ", quoted(rewrite), ": \\ before no digit");
    if (c - '0' >= groups_) {
      return invalid_argument("Invalid rewrite pattern: ", quoted(rewrite), ": group ", c - '0', " of ", groups_ - 1);
    }
  }
  return {};
}

std::string Regex::replace(std::string_view text, std::string_view rewrite, bool global) const {
  std::string result;
  size_t at = 0, last_end = std::string_view::npos;
  while (at <= text.size()) {
    std::vector<size_t> slots = find(text, at, false);
    if (slots.empty()) break;
    size_t begin = slots[0], end = slots[1];
    result.append(text.substr(at, begin - at));
    at = begin;
    bool repeats = begin == end && begin == last_end;  // nothing, right after a match: not another one
    if (!repeats) {
      for (size_t i = 0; i < rewrite.size(); ++i) {
        bool is_escape = rewrite[i] == '\\' && i + 1 < rewrite.size();
        if (is_escape && rewrite[i + 1] != '\\') {
          auto group = static_cast<size_t>(rewrite[++i] - '0');
          if (slots[2 * group] != std::string_view::npos && slots[2 * group + 1] != std::string_view::npos) {
            result.append(text.substr(slots[2 * group], slots[2 * group + 1] - slots[2 * group]));
          }
        } else {
          result += rewrite[i += is_escape ? 1 : 0];
        }
      }
      last_end = end;
    }
    at = end;
    if (!global) break;
    if (begin == end && at <= text.size()) {
      if (at == text.size()) return result;
      size_t size = 0;
      decode(text, at, size);
      result.append(text.substr(at, size));
      at += size;
    }
  }
  if (at <= text.size()) result.append(text.substr(at));
  return result;
}

}  // namespace tarn
