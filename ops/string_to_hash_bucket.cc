// StringToHashBucketFast, StringToHashBucket and StringToHashBucketStrong.
#include "core/op.h"
#include "ops/elementwise.h"
#include "ops/support/string_hash.h"

namespace tarn {
namespace {

// y = Hash()(text) mod num_buckets; Hash reads its own attrs.
template <class Hash>
class HashBucketKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    buckets_ = static_cast<uint64_t>(c.attr<int64_t>("num_buckets"));
    return hash_.prepare(c.attrs());
  }
  Status run(RunContext& c) const override {
    const TensorView& text = c.input(0);
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *text.shape));
    constexpr int64_t kTextsPerRange = kElementsPerRange / 16;
    c.threads().parallel_for(text.count, kTextsPerRange, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        y.as<int64_t>()[i] = static_cast<int64_t>(hash_(text.as<std::string>()[i]) % buckets_);
      }
    });
    return {};
  }

 private:
  uint64_t buckets_ = 1;
  Hash hash_;
};

struct FastHash {
  Status prepare(const AttrMap&) { return {}; }
  uint64_t operator()(std::string_view text) const { return string_hash::fingerprint64(text); }
};

struct PlainHash {
  Status prepare(const AttrMap&) { return {}; }
  uint64_t operator()(std::string_view text) const { return string_hash::hash64(text); }
};

struct StrongHash {
  Status prepare(const AttrMap& attrs) {
    const auto& numbers = attrs.get<std::vector<int64_t>>("key");
    if (numbers.size() != 2) return invalid_argument("Key must have 2 elements, has ", numbers.size());
    key = {static_cast<uint64_t>(numbers[0]), static_cast<uint64_t>(numbers[1])};
    return {};
  }
  uint64_t operator()(std::string_view text) const { return string_hash::strong_hash64(text, key); }
  std::array<uint64_t, 2> key = {};
};

constexpr KernelDef kFastKernels[] = {portable_kernel<HashBucketKernel<FastHash>>()};
constexpr KernelDef kPlainKernels[] = {portable_kernel<HashBucketKernel<PlainHash>>()};
constexpr KernelDef kStrongKernels[] = {portable_kernel<HashBucketKernel<StrongHash>>()};

constexpr std::string_view kNoGradient = "strings have no gradient";
constexpr std::string_view kFastDoc = R"(Sorts strings into buckets by FarmHash's Fingerprint64.
  input  string[...]   returns  int64[...], in [0, num_buckets).   Source: TensorFlow string_ops StringToHashBucketFast.)";
constexpr std::string_view kPlainDoc = R"(Sorts strings into buckets by TensorFlow's Hash64 (MurmurHash64A).
  string_tensor  string[...]   returns  int64[...], in [0, num_buckets).
  Source: TensorFlow string_ops StringToHashBucket.)";
constexpr std::string_view kStrongDoc = R"(Sorts strings into buckets by SipHash-2-4, which needs a key to predict.
  input  string[...]   key  two numbers of 64 bits   returns  int64[...], in [0, num_buckets)
  Errors: InvalidArgument for a key that is not two numbers.   Source: TensorFlow string_ops StringToHashBucketStrong.)";

}  // namespace

extern const OpDef op_StringToHashBucketFast, op_StringToHashBucket, op_StringToHashBucketStrong;
const OpDef op_StringToHashBucketFast = {
    .name = "StringToHashBucketFast",
    .inputs = "input: string",
    .outputs = "output: int64",
    .attrs = "num_buckets: int >= 1",
    .infer = infer_unchanged,
    .kernels = kFastKernels,
};
const OpDef op_StringToHashBucket = {
    .name = "StringToHashBucket",
    .inputs = "string_tensor: string",
    .outputs = "output: int64",
    .attrs = "num_buckets: int >= 1",
    .infer = infer_unchanged,
    .kernels = kPlainKernels,
};
const OpDef op_StringToHashBucketStrong = {
    .name = "StringToHashBucketStrong",
    .inputs = "input: string",
    .outputs = "output: int64",
    .attrs = "num_buckets: int >= 1; key: list(int)",
    .infer = infer_unchanged,
    .kernels = kStrongKernels,
};

TARN_OP_FILE(string_to_hash_bucket, {&op_StringToHashBucketFast, kFastDoc, nullptr, kNoGradient},
             {&op_StringToHashBucket, kPlainDoc, nullptr, kNoGradient},
             {&op_StringToHashBucketStrong, kStrongDoc, nullptr, kNoGradient})

}  // namespace tarn
