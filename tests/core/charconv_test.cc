#include "core/charconv.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace tarn {
namespace {

template <class T>
std::string by_hand_text(T value) {
  char room[kNumberText];
  return {room, by_hand::shortest_text(room, value)};
}

template <class T>
std::string library_text(T value) {
  char room[kNumberText];
  return {room, std::to_chars(room, room + sizeof room, value).ptr};
}

template <class T, class Bits>
void expect_same_texts(uint32_t seed) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    // Of all magnitudes, and of those that people write.
    T any = std::bit_cast<T>(static_cast<Bits>(random()));
    T common = static_cast<T>(static_cast<int64_t>(random() % 2'000'001) - 1'000'000) /
               static_cast<T>(std::pow(10, static_cast<int>(random() % 9)));
    for (T value : {any, common}) {
      if (std::isnan(value) || std::abs(value) > T(1e15))
        continue;  // beyond, zeros stand for digits that are not known
      std::string text = by_hand_text(value);
      ASSERT_EQ(text, library_text(value)) << "seed " << seed;
      T back = 0;
      auto [end, error] = by_hand::read_number(text.data(), text.data() + text.size(), back);
      ASSERT_EQ(error, std::errc()) << text;
      ASSERT_EQ(end, text.data() + text.size()) << text;
      ASSERT_EQ(back, value) << text;
    }
  }
}

TEST(Charconv, ShortestTextByHandIsTheLibrarys) {
  expect_same_texts<float, uint32_t>(1);
  expect_same_texts<double, uint64_t>(2);
  for (double value : {0.0,
                       -0.0,
                       1.0,
                       10.0,
                       100000.0,
                       123456.0,
                       1e15,
                       1e-5,
                       0.0001,
                       0.00012,
                       -2.5,
                       1e22,
                       1e23,
                       5e-324,
                       1e-323,
                       2.2250738585072014e-308,
                       9007199254740992.0,
                       0x1p-44,
                       1.7976931348623157e308,
                       HUGE_VAL,
                       -HUGE_VAL}) {
    EXPECT_EQ(by_hand_text(value), library_text(value));
  }
}

TEST(Charconv, LargeNumbersByHandReadBack) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 5'000; ++i) {
    double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    std::string text = by_hand_text(value);
    double back = 0;
    by_hand::read_number(text.data(), text.data() + text.size(), back);
    EXPECT_EQ(back, value) << text;
    EXPECT_LT(text.size(), size_t{kNumberText});
  }
}

TEST(Charconv, ReadingByHandEndsWhereTheLibraryDoes) {
  for (std::string_view text : {"",
                                "-",
                                ".",
                                "+1",
                                " 1",
                                "1",
                                "-1.5",
                                "1.",
                                ".5",
                                "1e",
                                "1e+",
                                "1e5x",
                                "1.7976931348623157e308",
                                "1.7976931348623159e308",
                                "4.9e-324",
                                "2.4e-324",
                                "0.000e5",
                                "100e-2",
                                "00.0125e+03",
                                "1e-5",
                                "1.5.5",
                                "1e400",
                                "-1e400",
                                "1e-400",
                                "0e-400",
                                "12abc",
                                "e5",
                                "1E3",
                                "007"}) {
    double library = 7, mine = 7;
    auto expected = std::from_chars(text.data(), text.data() + text.size(), library);
    auto got = by_hand::read_number(text.data(), text.data() + text.size(), mine);
    EXPECT_EQ(got.ptr - text.data(), expected.ptr - text.data()) << text;
    EXPECT_EQ(got.ec, expected.ec) << text;
    EXPECT_EQ(mine, library) << text;
  }
}

// Halfway between two doubles, and a bit above: what decides is the last of many digits.
TEST(Charconv, ReadingByHandRoundsTiesToEven) {
  const std::string zeros(900, '0');
  for (const std::string& text :
       {std::string("9007199254740993"), "9007199254740993." + zeros, "9007199254740993." + zeros + "1",
        std::string("9007199254740995"), "0." + zeros.substr(0, 300) + "1", "1" + zeros.substr(0, 300)}) {
    double library = 7, mine = 7;
    std::from_chars(text.data(), text.data() + text.size(), library);
    by_hand::read_number(text.data(), text.data() + text.size(), mine);
    EXPECT_EQ(mine, library) << text;
  }
  // More than 2^-1075, half of the least double.
  std::string half = "2.4703282292062328e-324";
  double mine = 7;
  EXPECT_EQ(by_hand::read_number(half.data(), half.data() + half.size(), mine).ec, std::errc());
  EXPECT_EQ(mine, 5e-324);
}

TEST(Charconv, GeneralTextByHandIsTheLibrarys) {
  for (double value : {0.1, 1.0 / 3, 1e-7, 123456789.0, 1e20, -2.5e-300}) {
    for (int digits : {1, 6, 9, 15, 17}) {
      char room[kNumberText], library[kNumberText];
      std::string_view mine(room, static_cast<size_t>(by_hand::general_text(room, value, digits) - room));
      auto end = std::to_chars(library, library + sizeof library, value, std::chars_format::general, digits).ptr;
      EXPECT_EQ(mine, std::string_view(library, static_cast<size_t>(end - library)));
    }
  }
}

}  // namespace
}  // namespace tarn
