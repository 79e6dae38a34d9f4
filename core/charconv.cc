#include "core/charconv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "core/bit_cast.h"

namespace tarn {
namespace by_hand {
namespace {

// A whole number of any length that is needed here, exactly: texts and numbers are fractions of two such.
class Whole {
 public:
  explicit Whole(uint64_t value) : words_{static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32)} {
    count_ = words_[1] != 0 ? 2 : 1;
  }
  // This times factor^power, and then more.
  void times(uint32_t factor, int power = 1, uint32_t more = 0) {
    for (; power > 0; --power) {
      uint64_t carry = power == 1 ? more : 0;
      for (int i = 0; i < count_; ++i) {
        carry += uint64_t{words_[i]} * factor;
        words_[i] = static_cast<uint32_t>(carry);
        carry >>= 32;
      }
      if (carry != 0) words_[count_++] = static_cast<uint32_t>(carry);
    }
  }
  bool operator<(const Whole& other) const { return compare(other) < 0; }
  // Negative, 0 or positive, as this is less, equal or more.
  int compare(const Whole& other) const {
    if (count_ != other.count_) return count_ - other.count_;
    for (int i = count_; i-- > 0;) {
      if (words_[i] != other.words_[i]) return words_[i] < other.words_[i] ? -1 : 1;
    }
    return 0;
  }
  // Takes away no more than there is.
  void subtract(const Whole& other) {
    int64_t carry = 0;
    for (int i = 0; i < count_; ++i) {
      carry += int64_t{words_[i]} - (i < other.count_ ? int64_t{other.words_[i]} : 0);
      words_[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    while (count_ > 1 && words_[count_ - 1] == 0) --count_;
  }

 private:
  // 10^(kMostDigits - kLeastPoint): the denominator of the smallest number with the most digits.
  uint32_t words_[120];
  int count_;
};

constexpr int kMostDigits = 770;  // that tell a double from where two of them meet
constexpr int kMostPoint = 310,
              kLeastPoint = -326;  // 0.1 times 10 to the power of these: more and less than any double

// A finite number without its sign: mantissa * 2^exponent.
struct Binary {
  uint64_t mantissa;
  int exponent;
  bool is_near_below;  // the next number below is half as far away as the next above

  template <class T>
  static Binary of(T value) {
    using Bits = std::conditional_t<sizeof(T) == sizeof(float), uint32_t, uint64_t>;
    using Limits = std::numeric_limits<T>;
    constexpr int kStored = Limits::digits - 1;
    const Bits bits = bit_cast<Bits>(std::abs(value));
    const int exponent = static_cast<int>(bits >> kStored);
    const uint64_t stored = bits & ((Bits{1} << kStored) - 1);
    return {exponent == 0 ? stored : stored | (uint64_t{1} << kStored),
            std::max(exponent, 1) + Limits::min_exponent - 1 - Limits::digits, stored == 0 && exponent > 1};
  }
};

// 0.ddd times 10^point, without zeros at the end.
struct Decimal {
  char digits[kNumberText];
  int count = 0;
  int point = 0;

  // `wanted` digits of a number that is not 0, or (0) as few as tell it from its neighbours (Steele and White, 1990).
  Decimal(const Binary& number, int wanted) {
    // rest / one: what is still to be written. Until `below` or `above` of that, all reads back as this number.
    Whole rest(number.mantissa), one(1), below(number.is_near_below ? 1 : 2), above(2);
    for (Whole* part : {&rest, &one}) part->times(4);
    for (Whole* part : {&rest, &below, &above}) part->times(2, number.exponent);
    one.times(2, -number.exponent);
    for (; !(rest < one); ++point) one.times(10);
    const int with_ends = number.mantissa % 2 == 0 ? 1 : 0;
    bool is_enough = false;
    while (!is_enough) {
      for (Whole* part : {&rest, &below, &above}) part->times(10);
      char digit = '0';
      for (; !(rest < one); ++digit) rest.subtract(one);
      if (count == 0 && digit == '0') {
        --point;
        continue;
      }
      digits[count++] = digit;
      Whole to_next = one;
      to_next.subtract(rest);
      const int nearer = rest.compare(to_next);
      bool is_up = nearer > 0 || (nearer == 0 && digit % 2 != 0);
      is_enough = count == wanted;
      if (wanted == 0) {
        const bool reads_back = rest.compare(below) < with_ends, next_reads_back = to_next.compare(above) < with_ends;
        is_enough = reads_back || next_reads_back;
        if (reads_back != next_reads_back) is_up = next_reads_back;
      }
      if (is_enough && is_up) count_up();
    }
    while (digits[count - 1] == '0') --count;
  }

  std::string_view text() const { return {digits, static_cast<size_t>(count)}; }

 private:
  void count_up() {
    while (count > 0 && digits[count - 1] == '9') --count;
    if (count == 0) {
      digits[count++] = '0';
      ++point;
    }
    ++digits[count - 1];
  }
};

char* put(char* out, std::string_view text) {
  return std::copy(text.begin(), text.end(), out);
}

char* put_scientific(char* out, const Decimal& number) {
  *out++ = number.digits[0];
  if (number.count > 1) out = put(put(out, "."), number.text().substr(1));
  int exponent = number.point - 1;
  out = put(out, exponent < 0 ? "e-" : "e+");
  exponent = std::abs(exponent);
  if (exponent >= 100) *out++ = static_cast<char>('0' + exponent / 100);
  *out++ = static_cast<char>('0' + exponent / 10 % 10);
  *out++ = static_cast<char>('0' + exponent % 10);
  return out;
}

char* put_fixed(char* out, const Decimal& number) {
  const std::string_view text = number.text();
  if (number.point <= 0) return put(std::fill_n(put(out, "0."), -number.point, '0'), text);                // 0.00ddd
  if (number.point >= number.count) return std::fill_n(put(out, text), number.point - number.count, '0');  // ddd00
  const auto whole = static_cast<size_t>(number.point);
  return put(put(put(out, text.substr(0, whole)), "."), text.substr(whole));  // d.dd
}

// What is no finite number but 0, or 0; else nothing is put.
char* put_special(char* out, double value) {
  if (std::signbit(value)) *out++ = '-';
  return std::isnan(value) ? put(out, "nan") : std::isinf(value) ? put(out, "inf") : value == 0 ? put(out, "0") : out;
}
bool is_special(double value) {
  return value == 0 || !std::isfinite(value);
}

template <class T>
char* shortest(char (&room)[kNumberText], T value) {
  char* out = put_special(room, static_cast<double>(value));
  if (is_special(static_cast<double>(value))) return out;
  // As std::to_chars has it: without an exponent where that is no longer, and then a whole number has all its digits.
  const Binary number = Binary::of(value);
  const Decimal shortest(number, 0);
  const int exponent = shortest.point - 1;
  const int scientific = shortest.count + (shortest.count > 1 ? 1 : 0) + (exponent <= -100 || exponent >= 100 ? 5 : 4);
  const int fixed = shortest.point <= 0                ? shortest.count + 2 - shortest.point
                    : shortest.point >= shortest.count ? shortest.point
                                                       : shortest.count + 1;
  if (fixed > scientific) return put_scientific(out, shortest);
  return put_fixed(out, shortest.point < shortest.count ? shortest : Decimal(number, shortest.point));
}

// What the text says as the nearest of the numbers with that many bits and multiples of 2^least_exponent.
double nearest(std::string_view digits, int point, int mantissa_bits, int least_exponent) {
  if (point > kMostPoint) return HUGE_VAL;
  if (digits.empty() || point < kLeastPoint) return 0;
  // rest / one, then half of 1 up to 1 of it times 2^exponent.
  Whole rest(0), one(1);
  int taken = 0;
  for (char digit : digits.substr(0, kMostDigits)) {
    if (digit == '.') continue;
    rest.times(10, 1, static_cast<uint32_t>(digit - '0'));
    ++taken;
  }
  // Of those behind, all that counts is that they are there.
  if (digits.find_first_not_of("0.", kMostDigits) != std::string_view::npos) {
    rest.times(10, 1, 1);
    ++taken;
  }
  rest.times(10, point - taken);
  one.times(10, taken - point);
  int exponent = 0;
  for (; !(rest < one); ++exponent) one.times(2);
  while (true) {
    Whole twice = rest;
    twice.times(2);
    if (!(twice < one)) break;
    rest = twice;
    --exponent;
  }
  const int bits = std::min(mantissa_bits, exponent - least_exponent);
  if (bits < 0) return 0;
  uint64_t mantissa = 0;
  for (int i = 0; i <= bits; ++i) {
    rest.times(2);
    const bool is_set = !(rest < one);
    if (is_set) rest.subtract(one);
    if (i < bits) {
      mantissa = 2 * mantissa + (is_set ? 1 : 0);
    } else if (is_set && (mantissa % 2 != 0 || Whole(0) < rest)) {
      ++mantissa;
    }
  }
  return std::ldexp(static_cast<double>(mantissa), exponent - bits);
}

template <class T>
std::from_chars_result read(const char* first, const char* last, T& value) {
  auto is_digit = [&](const char* at) { return at < last && *at >= '0' && *at <= '9'; };
  const char* at = first;
  const bool is_negative = at < last && *at == '-';
  if (is_negative) ++at;
  // The first digit that counts, and where the point is behind it.
  const char *begin = nullptr, *end = at;
  int point = 0;
  bool has_digits = false, has_point = false;
  for (; is_digit(at) || (at < last && *at == '.' && !has_point); ++at) {
    if (*at == '.') {
      has_point = true;
      continue;
    }
    has_digits = true;
    if (begin == nullptr && *at != '0') begin = at;
    if (begin != nullptr ? !has_point : has_point) point += has_point ? -1 : 1;
    end = at + 1;
  }
  if (!has_digits) return {first, std::errc::invalid_argument};
  if (at < last && (*at == 'e' || *at == 'E')) {
    const char* digit = at + 1;
    const bool is_below = digit < last && *digit == '-';
    if (digit < last && (*digit == '+' || *digit == '-')) ++digit;
    if (is_digit(digit)) {
      constexpr int kMostExponent = 1 << 24;  // more than the digits of a text are likely to make up for
      int exponent = 0;
      for (; is_digit(digit); ++digit) exponent = std::min(exponent * 10 + (*digit - '0'), kMostExponent);
      point += is_below ? -exponent : exponent;
      at = digit;
    }
  }
  using Limits = std::numeric_limits<T>;
  double number = 0;
  if (begin != nullptr) {
    number = nearest({begin, static_cast<size_t>(end - begin)}, point, Limits::digits,
                     Limits::min_exponent - Limits::digits);
    if (number == 0 || number > static_cast<double>(Limits::max())) return {at, std::errc::result_out_of_range};
  }
  value = static_cast<T>(is_negative ? -number : number);
  return {at, std::errc()};
}

}  // namespace

char* shortest_text(char (&room)[kNumberText], float value) {
  return shortest(room, value);
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return shortest(room, value);
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  char* out = put_special(room, value);
  if (is_special(value)) return out;
  const Decimal number(Binary::of(value), std::max(digits, 1));
  return number.point < -3 || number.point > std::max(digits, 1) ? put_scientific(out, number) : put_fixed(out, number);
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return read(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return read(first, last, value);
}

}  // namespace by_hand

#if defined(__cpp_lib_to_chars)
char* shortest_text(char (&room)[kNumberText], float value) {
  return std::to_chars(room, room + sizeof room, value).ptr;
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return std::to_chars(room, room + sizeof room, value).ptr;
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  return std::to_chars(room, room + sizeof room, value, std::chars_format::general, digits).ptr;
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return std::from_chars(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return std::from_chars(first, last, value);
}
#else
char* shortest_text(char (&room)[kNumberText], float value) {
  return by_hand::shortest_text(room, value);
}
char* shortest_text(char (&room)[kNumberText], double value) {
  return by_hand::shortest_text(room, value);
}
char* general_text(char (&room)[kNumberText], double value, int digits) {
  return by_hand::general_text(room, value, digits);
}
std::from_chars_result read_number(const char* first, const char* last, float& value) {
  return by_hand::read_number(first, last, value);
}
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  return by_hand::read_number(first, last, value);
}
#endif

}  // namespace tarn
