#include "ops/support/regex.h"

#include <algorithm>
#include <map>

namespace tarn {
namespace {

using Step = Regex::Step;
using Code = std::vector<Step>;
using Set = Regex::Set;

constexpr uint32_t kLastCodePoint = 0x10FFFF;
constexpr size_t kMostSteps = 20000;
constexpr int kMostDepth = 200, kMostRepeats = 1000, kMostGroups = 100;

constexpr uint32_t kNoCodePoint = UINT32_MAX;
constexpr uint32_t kOddCodePoint = kLastCodePoint + 1;

// The code point at `at`, and how many bytes it has; kNoCodePoint, which is in no set, for a byte that begins none.
// Three or four bytes that look like one but say too little or too much are kOddCodePoint.
uint32_t decode(std::string_view text, size_t at, size_t& size) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  uint32_t first = byte(at);
  size = first < 0x80 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3 : (first & 0xF8) == 0xF0 ? 4 : 0;
  if (size == 1) return first;
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // of so many bytes: more than needed are not UTF-8
  bool is_good = size > 0 && at + size <= text.size() && first <= 0xF4;
  uint32_t point = is_good ? first & (0xFFu >> (size + 1)) : 0;
  for (size_t i = 1; is_good && i < size; ++i) {
    is_good = (byte(at + i) & 0xC0) == 0x80;
    point = point << 6 | (byte(at + i) & 0x3F);
  }
  bool is_one = is_good && point >= kLeast[size] && point <= kLastCodePoint;
  if (is_one) return point;
  if (is_good && size > 2) return kOddCodePoint;
  size = 1;
  return kNoCodePoint;
}

void append_code(Code& to, const Code& more) {
  to.insert(to.end(), more.begin(), more.end());
}
Step step(Step::Kind kind, int a = 0, int b = 0) {
  return {kind, a, b};
}
int length_of(const Code& code) {
  return static_cast<int>(code.size());
}

// In order, and what touches or overlaps as one.
Set merged(Set set) {
  std::sort(set.begin(), set.end());
  Set result;
  for (auto [first, last] : set) {
    if (!result.empty() && first <= result.back().second + 1) {
      result.back().second = std::max(result.back().second, last);
    } else {
      result.emplace_back(first, last);
    }
  }
  return result;
}

Set negated(const Set& set) {
  Set rest;
  uint32_t next = 0;
  for (auto [first, last] : merged(set)) {
    if (first > next) rest.emplace_back(next, first - 1);
    next = last + 1;
  }
  if (next <= kLastCodePoint) rest.emplace_back(next, kLastCodePoint);
  return rest;
}

// With the other case of its letters from A to Z.
Set folded(const Set& set) {
  Set result = set;
  for (auto [first, last] : set) {
    uint32_t upper = std::max<uint32_t>(first, 'A'), upper_end = std::min<uint32_t>(last, 'Z');
    if (upper <= upper_end) result.emplace_back(upper + 32, upper_end + 32);
    uint32_t lower = std::max<uint32_t>(first, 'a'), lower_end = std::min<uint32_t>(last, 'z');
    if (lower <= lower_end) result.emplace_back(lower - 32, lower_end - 32);
  }
  return result;
}

bool holds_point(const Set& set, uint32_t point) {
  // RE2 does not look closely at bytes where anything beyond ASCII will do.
  if (point == kOddCodePoint) return !set.empty() && set.back().first <= 0x80 && set.back().second == kLastCodePoint;
  auto after = std::upper_bound(set.begin(), set.end(), point,
                                [](uint32_t value, const Regex::Range& range) { return value < range.first; });
  return after != set.begin() && point <= std::prev(after)->second;
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

bool is_word_at(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  char c = text[at];
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
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
  std::vector<Set> sets() const {
    std::vector<Set> sets(set_numbers_.size());
    for (const auto& [set, number] : set_numbers_) sets[static_cast<size_t>(number)] = set;
    return sets;
  }

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
    std::vector<Code> ways;
    size_t length = 0;
    do {
      TARN_ASSIGN_OR_RETURN(Code way, sequence(depth));
      length += way.size() + 2;
      if (length > kMostSteps) return error("the pattern is too large");
      ways.push_back(std::move(way));
    } while (take('|'));
    flags_ = outer;
    // split to 1 or 2; way 1; jump to the end; split to 2 or 3; way 2; … the last way
    Code code;
    for (size_t i = 0; i + 1 < ways.size(); ++i) {
      code.push_back(step(Step::kSplit, 1, length_of(ways[i]) + 2));
      append_code(code, ways[i]);
      code.push_back(step(Step::kJump));
    }
    append_code(code, ways.back());
    int end = length_of(code), at = 0;
    for (size_t i = 0; i + 1 < ways.size(); ++i) {
      at += length_of(ways[i]) + 1;
      code[static_cast<size_t>(at)].a = end - at;
      ++at;
    }
    return code;
  }

  Result<Code> sequence(int depth) {
    Code code;
    while (!at_end() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      if (pattern_.substr(at_).starts_with("\\Q")) {
        TARN_RETURN_IF_ERROR(literal_text(code));
        continue;
      }
      TARN_ASSIGN_OR_RETURN(Code atom, one(depth));
      if (std::exchange(only_flags_, false)) continue;
      TARN_ASSIGN_OR_RETURN(atom, repeated(std::move(atom)));
      append_code(code, atom);
      if (code.size() > kMostSteps) return error("the pattern is too large");
    }
    return code;
  }

  // \Q…\E, or to the end: characters without a meaning; an operator after it is the last one's.
  Status literal_text(Code& code) {
    at_ += 2;
    while (!at_end() && !pattern_.substr(at_).starts_with("\\E")) {
      TARN_ASSIGN_OR_RETURN(uint32_t point, character());
      Code atom = of_set(of_point(point));
      if (pattern_.substr(at_).starts_with("\\E")) {
        at_ += 2;
        TARN_ASSIGN_OR_RETURN(atom, repeated(std::move(atom)));
        append_code(code, atom);
        return {};
      }
      append_code(code, atom);
      if (code.size() > kMostSteps) return error("the pattern is too large");
    }
    if (!at_end()) at_ += 2;
    return {};
  }

  // "*", "+", "?", "{2,5}" and the like at `at_`; goes past it.
  bool operation(int& least, int& most) {  // most -1: any number
    size_t before = at_;
    least = 0, most = -1;
    if (take('*')) return true;
    if (take('+')) return least = 1, true;
    if (take('?')) return most = 1, true;
    if (counts(least, most)) return true;
    at_ = before;
    return false;
  }

  Result<Code> repeated(Code atom) {
    int least = 0, most = 0;
    if (!operation(least, most)) return atom;
    if (least > kMostRepeats || most > kMostRepeats || (most >= 0 && most < least)) {
      return error("invalid repetition size");
    }
    bool is_lazy = take('?') != flags_.ungreedy;
    int other_least = 0, other_most = 0;
    if (operation(other_least, other_most)) return error("bad repetition operator");
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
    return code;
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
        return of_set(set);
      }
      case '.': ++at_; return of_set(flags_.dot_all ? Set{{0, kLastCodePoint}} : negated({{'\n', '\n'}}));
      case '^': ++at_; return Code{step(flags_.lines ? Step::kLineBegin : Step::kBegin)};
      case '$': ++at_; return Code{step(flags_.lines ? Step::kLineEnd : Step::kEnd)};
      case '\\': return escape();
      case '*':
      case '+':
      case '?': return error("no argument for repetition operator");
      case '{': {
        int least = 0, most = 0;
        if (operation(least, most)) return error("no argument for repetition operator");
        break;  // a character as any other
      }
      default: break;
    }
    TARN_ASSIGN_OR_RETURN(uint32_t point, character());
    return of_set(of_point(point));
  }

  // One of the pattern as it stands.
  Result<uint32_t> character() {
    size_t size = 0;
    uint32_t point = decode(pattern_, at_, size);
    if (point > kLastCodePoint) return error("invalid UTF-8");
    at_ += size;
    return point;
  }

  Result<Code> group(int depth) {
    int number = -1;
    if (take('?')) {
      if (take('P')) {
        if (!take('<')) return error("invalid group");
        size_t begin = at_;
        while (is_word_at(pattern_, at_)) ++at_;
        if (at_ == begin || !take('>')) return error("invalid named capture group");
        number = groups_++;
      } else {
        Flags outer = flags_;
        TARN_RETURN_IF_ERROR(group_flags());
        if (take(')')) {  // for the rest of the group around
          only_flags_ = true;
          return Code{};
        }
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

  // "i-s" of "(?i-s:"
  Status group_flags() {
    bool value = true, is_empty = false;
    for (; !at_end() && pattern_[at_] != ':' && pattern_[at_] != ')'; ++at_) {
      is_empty = false;
      switch (pattern_[at_]) {
        case 'i': flags_.ignore_case = value; break;
        case 's': flags_.dot_all = value; break;
        case 'm': flags_.lines = value; break;
        case 'U': flags_.ungreedy = value; break;
        case '-':
          if (!value) return error("invalid group flag");
          value = false;
          is_empty = true;
          break;
        default: return error("invalid group flag");
      }
    }
    return is_empty ? error("invalid group flag") : Status();
  }

  Set of_point(uint32_t point) const {
    Set set{{point, point}};
    return flags_.ignore_case ? folded(set) : set;
  }

  Code of_set(const Set& set) {
    int number = static_cast<int>(set_numbers_.size());
    return {step(Step::kSet, set_numbers_.try_emplace(merged(set), number).first->second)};
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
    bool is_octal = c == '0' || (c >= '1' && c <= '7' && is_octal_digit());  // \1 alone would name a group
    if (is_octal) {
      auto value = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && is_octal_digit(); ++i) value = value * 8 + static_cast<uint32_t>(pattern_[at_++] - '0');
      return value;
    }
    bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_word) return error("invalid escape sequence");
    --at_;
    return character();
  }
  bool is_octal_digit() const { return !at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '7'; }
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
      return of_set(set);
    }
    TARN_ASSIGN_OR_RETURN(uint32_t point, escaped());
    return of_set(of_point(point));
  }

  Result<uint32_t> class_point() {
    if (take('\\')) return escaped();
    return character();
  }

  // "[:alpha:]" within a class; false if none is there.
  Result<bool> posix_set(Set& set) {
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
                          {"graph", {{'!', '~'}}},
                          {"ascii", {{0, 127}}}};
    std::string_view rest = pattern_.substr(at_);
    if (!rest.starts_with("[:")) return false;
    size_t end = rest.find(":]");
    if (end == std::string_view::npos) return false;
    std::string_view name = rest.substr(2, end - 2);
    bool is_negated = name.starts_with('^');
    if (is_negated) name.remove_prefix(1);
    for (const Named& named : sets) {
      if (named.name != name) continue;
      set = flags_.ignore_case ? folded(named.set) : named.set;
      if (is_negated) set = negated(set);
      at_ += end + 2;
      return true;
    }
    return error("invalid character class range");
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
      TARN_ASSIGN_OR_RETURN(bool is_posix, posix_set(named));
      if (is_posix) {
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
      Set range{{first, last}};
      if (flags_.ignore_case) range = folded(range);
      set.insert(set.end(), range.begin(), range.end());
    }
    return is_negated ? negated(set) : set;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  Flags flags_;
  bool only_flags_ = false;  // what one() read was no more than "(?i)"
  int groups_ = 1;
  std::map<Set, int> set_numbers_;
};

}  // namespace

Result<Regex> Regex::parse(std::string_view pattern) {
  Parser parser(pattern);
  Regex regex;
  TARN_ASSIGN_OR_RETURN(regex.steps_, parser.parse());
  regex.sets_ = parser.sets();
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
      bool matches = !is_end && holds_point(sets_[static_cast<size_t>(s.a)], point);
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
      if (decode(text, at, size) == kOddCodePoint) size = 1;
      result.append(text.substr(at, size));
      at += size;
    }
  }
  if (at <= text.size()) result.append(text.substr(at));
  return result;
}

}  // namespace tarn
