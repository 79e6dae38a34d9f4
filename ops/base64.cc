// EncodeBase64 and DecodeBase64, in the alphabet that is safe in web addresses (RFC 4648, section 5).
#include <algorithm>

#include "core/op.h"

namespace tarn {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(const std::string& bytes, bool pad) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) {
      if (k <= count) {
        text += kAlphabet[group >> (18 - 6 * k) & 63];
      } else if (pad) {
        text += '=';
      }
    }
  }
  return text;
}

Result<std::string> decoded(std::string_view text) {
  size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  if (padding > 0 && (text.size() + padding) % 4 != 0) {
    return invalid_argument("Invalid base64: ", padding, " '=' after ", text.size(), " characters");
  }
  if (text.size() % 4 == 1) return invalid_argument("Base64 string length cannot be 1 modulo 4, is ", text.size());
  std::string bytes;
  uint32_t group = 0;
  int bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return invalid_argument("Invalid character found in base64 at ", i);
    group = group << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 255);
  }
  return bytes;
}

class EncodeKernel : public Kernel {
 public:
  Status prepare(PrepareContext& c) override {
    pad_ = c.attr<bool>("pad");
    return {};
  }
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) y.as<std::string>()[i] = encoded(c.input(0).as<std::string>()[i], pad_);
    return {};
  }

 private:
  bool pad_ = false;
};

class DecodeKernel : public Kernel {
 public:
  Status run(RunContext& c) const override {
    TARN_ASSIGN_OR_RETURN(TensorView y, c.output(0, *c.input(0).shape));
    for (int64_t i = 0; i < y.count; ++i) {
      Result<std::string> bytes = decoded(c.input(0).as<std::string>()[i]);
      if (!bytes.ok()) return bytes.status().with_context(str_cat("element ", i));
      y.as<std::string>()[i] = *std::move(bytes);
    }
    return {};
  }
};

constexpr KernelDef kEncodeKernels[] = {portable_kernel<EncodeKernel>()};
constexpr KernelDef kDecodeKernels[] = {portable_kernel<DecodeKernel>()};

constexpr std::string_view kEncodeDoc = R"(Strings in base64, with - and _ as the last two digits.
  input  string[...]   returns  string, of the same shape; `pad` adds = to a multiple of four characters
  Source: TensorFlow string_ops EncodeBase64; RFC 4648.)";
constexpr std::string_view kDecodeDoc = R"(Strings read from base64, with - and _ as the last two digits.
  input  string[...], padded or not   returns  string, of the same shape
  Errors: InvalidArgument for other characters and impossible lengths.   Source: TensorFlow string_ops DecodeBase64.)";

}  // namespace

extern const OpDef op_EncodeBase64, op_DecodeBase64;
const OpDef op_EncodeBase64 = {
    .name = "EncodeBase64",
    .inputs = "input: string",
    .outputs = "output: string",
    .attrs = "pad: bool = false",
    .infer = infer_unchanged,
    .kernels = kEncodeKernels,
};
const OpDef op_DecodeBase64 = {
    .name = "DecodeBase64",
    .inputs = "input: string",
    .outputs = "output: string",
    .infer = infer_unchanged,
    .kernels = kDecodeKernels,
};

TARN_OP_FILE(base64, {&op_EncodeBase64, kEncodeDoc, nullptr, "strings have no gradient"},
             {&op_DecodeBase64, kDecodeDoc, nullptr, "strings have no gradient"})

}  // namespace tarn
