#include <gtest/gtest.h>

#include <cstring>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/random_state.h"
#include "ops/support/philox.h"
#include "tests/ops/harness.h"
#include "tests/ops/random_session.h"

namespace tarn::testing {
namespace {

TARN_OP_WITHOUT_CASES(RandomUniform, "needs a ResourceMap; compared with TensorFlow's bits");
TARN_OP_WITHOUT_CASES(RandomUniformInt, "needs a ResourceMap; compared with TensorFlow's bits");
TARN_OP_WITHOUT_CASES(RandomStandardNormal, "needs a ResourceMap; compared with TensorFlow's bits");
TARN_OP_WITHOUT_CASES(TruncatedNormal, "needs a ResourceMap; compared with TensorFlow's bits");

using Json = nlohmann::json;

Tensor shape_input(const std::vector<int32_t>& dims) {
  return Tensor::vector<int32_t>(dims);
}

uint64_t bits_of(const Tensor& x, size_t i) {
  uint64_t bits = 0;
  const size_t size = dtype_size(x.dtype());
  std::memcpy(&bits, static_cast<const char*>(x.data()) + i * size, size);
  return bits;
}

uint64_t fnv1a64(const Tensor& x) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = static_cast<const uint8_t*>(x.data());
  for (size_t i = 0; i < x.byte_size(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

// How many numbers lie between two floats of one sign.
int64_t ulps_apart(uint64_t a, uint64_t b) {
  auto distance = static_cast<int64_t>(a - b);
  return distance < 0 ? -distance : distance;
}

// TensorFlow's own draws. Uniform and integer ones must agree in every bit; normals to 2 units in the last place, which
// is what log, sin and cos of different libraries are apart (README.md of the goldens).
TEST(Random, GivesTensorFlowsNumbersOnAnyThreadCount) {
  std::ifstream file(std::string(TARN_SOURCE_DIR) + "/tests/goldens/random.json");
  Json goldens = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(goldens.is_object());
  for (const Json& golden : goldens["cases"]) {
    std::string op = golden["op"];
    DType dtype = *dtype_from_name(golden["dtype"].get<std::string>());
    bool exact = op == "RandomUniform" || op == "RandomUniformInt";
    AttrMap attrs{{"seed", golden["seed"].get<int64_t>()}, {"seed2", golden["seed2"].get<int64_t>()}};
    Tensors inputs = {shape_input(golden["shape"].get<std::vector<int32_t>>())};
    if (op == "RandomUniformInt") {
      for (const char* name : {"minval", "maxval"}) {
        auto value = golden[name].get<int64_t>();
        inputs.push_back(dtype == DType::kInt32 ? Tensor::scalar(static_cast<int32_t>(value)) : Tensor::scalar(value));
      }
    } else {
      attrs.set("dtype", dtype);
    }
    for (int threads : {1, 2, 3}) {
      Session session;
      int run = 0;
      for (const Json& expected : golden["runs"]) {
        std::string what = str_cat(op, " ", golden["dtype"].dump(), " seeds ", golden["seed"].dump(), " ",
                                   golden["seed2"].dump(), " run ", run++, " on ", threads, " threads");
        Result<Tensor> x = session.draw(op, attrs, inputs, "random", threads);
        ASSERT_TRUE(x.ok()) << what << ": " << x.status().to_string();
        auto check = [&](const Json& list, size_t offset) {
          for (size_t i = 0; i < list.size(); ++i) {
            uint64_t want = std::stoull(list[i].get<std::string>(), nullptr, 16), got = bits_of(*x, offset + i);
            ASSERT_LE(ulps_apart(got, want), exact ? 0 : 2) << what << ", element " << offset + i;
          }
        };
        if (expected.contains("bits")) {
          ASSERT_EQ(static_cast<int64_t>(expected["bits"].size()), x->element_count()) << what;
          check(expected["bits"], 0);
        } else {
          check(expected["first"], 0);
          check(expected["last"], static_cast<size_t>(x->element_count()) - expected["last"].size());
          EXPECT_EQ(fnv1a64(*x), std::stoull(expected["fnv1a64"].get<std::string>(), nullptr, 16)) << what;
        }
      }
    }
  }
}

// The words of the paper's own known answers (Random123, philox4x32-10).
TEST(Philox, GivesThePapersKnownAnswers) {
  auto words = [](RandomState::Position position) { return Philox(position).next(); };
  uint32_t ones = 0xffffffff;

  EXPECT_EQ(words({{0, 0}, {0, 0, 0, 0}}), (Philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(words({{ones, ones}, {ones, ones, ones, ones}}),
            (Philox::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words({{0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}),
            (Philox::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, CarriesThroughTheWholeCounter) {
  RandomState::Position start{{1, 2}, {0xfffffffe, 0xffffffff, 0xffffffff, 5}};

  RandomState::Position end = RandomState::advanced(start, 3);

  EXPECT_EQ(end.counter, (std::array<uint32_t, 4>{1, 0, 0, 6}));
  Philox steps(start);
  for (int i = 0; i < 3; ++i) steps.next();
  EXPECT_EQ(steps.next(), Philox(end).next());
}

const AttrMap kSeeded{{"seed", 1}, {"seed2", 2}, {"dtype", DType::kFloat}};

TEST(Random, EveryNodeHasAStreamOfItsOwn) {
  Session session;
  Tensors shape = {shape_input({5})};
  Tensor a0 = *session.draw("RandomUniform", kSeeded, shape, "a");
  Tensor b0 = *session.draw("RandomUniform", kSeeded, shape, "b");
  Tensor a1 = *session.draw("RandomUniform", kSeeded, shape, "a");

  EXPECT_TRUE(a0.identical_to(b0)) << "the same seeds at the beginning";
  EXPECT_FALSE(a0.identical_to(a1));
  EXPECT_EQ(session.resources.names(RandomState::kKind), (std::vector<std::string>{"a", "b"}));
}

TEST(Random, GoesOnWhereASavedStateStopped) {
  Session session, other;
  Tensors shape = {shape_input({5})};
  ASSERT_TRUE(session.draw("TruncatedNormal", kSeeded, shape).ok());
  RandomState::Position saved = session.resources.find<RandomState>("random")->get();
  Tensor next = *session.draw("TruncatedNormal", kSeeded, shape);

  ASSERT_TRUE(other.draw("TruncatedNormal", kSeeded, shape).ok());
  ASSERT_TRUE(other.draw("TruncatedNormal", kSeeded, shape).ok());
  other.resources.find<RandomState>("random")->set(saved);

  EXPECT_TRUE(other.draw("TruncatedNormal", kSeeded, shape)->identical_to(next));
}

TEST(Random, AsksTheSessionForSeedsWhenBothAreZero) {
  class Seeds : public RandomSeeds {
   public:
    uint64_t next_seed() override { return next_++; }

   private:
    uint64_t next_ = 1;
  } seeds;
  AttrMap unseeded{{"dtype", DType::kFloat}};
  Tensors shape = {shape_input({5})};
  Session with, without, seeded;
  with.services.set<RandomSeeds>(&seeds);

  Result<Tensor> drawn = with.draw("RandomUniform", unseeded, shape);

  ASSERT_TRUE(drawn.ok()) << drawn.status().to_string();
  EXPECT_TRUE(drawn->identical_to(*seeded.draw("RandomUniform", kSeeded, shape))) << "seeds 1 and 2";
  EXPECT_EQ(without.draw("RandomUniform", unseeded, shape).status().code(), Code::kFailedPrecondition);
}

TEST(Random, RefusesShapesAndRangesThatAreNone) {
  Session session;
  EXPECT_EQ(session.draw("RandomUniform", kSeeded, {shape_input({2, -1})}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(session.draw("RandomUniform", kSeeded, {Tensor::scalar<int32_t>(3)}).status().code(),
            Code::kInvalidArgument);
  AttrMap seeds{{"seed", 1}};
  auto draw_int = [&](int32_t low, int32_t high, int32_t count) {
    return session.draw("RandomUniformInt", seeds, {shape_input({count}), Tensor::scalar(low), Tensor::scalar(high)})
        .status();
  };
  EXPECT_EQ(draw_int(5, 5, 3).message(), "RandomUniformInt 'random': Need minval < maxval, got 5 >= 5");
  EXPECT_TRUE(draw_int(5, 5, 0).ok()) << "nothing to draw";
}

TEST(TruncatedNormal, StaysBelowTwoAndLooksNormal) {
  Session session;

  Tensor x = to_double(*session.draw("TruncatedNormal", kSeeded, {shape_input({100000})}));

  double sum = 0, squares = 0;
  for (double v : x.flat<double>()) {
    ASSERT_LT(std::abs(v), 2);
    sum += v;
    squares += v * v;
  }
  // A normal cut at 2 has variance 0.7737; the mean of 100,000 has deviation 0.0028, its variance 0.0026: 5 of each.
  EXPECT_NEAR(sum / 1e5, 0, 0.014);
  EXPECT_NEAR(squares / 1e5, 0.7737, 0.013);
}

}  // namespace
}  // namespace tarn::testing
