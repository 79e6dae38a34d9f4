#include "core/sample_tensor.h"

#include "core/half.h"
#include "core/random.h"

namespace tarn {
namespace {

template <class T, class Draw>
void fill(Tensor& tensor, const Draw& draw) {
  for (T& value : tensor.mutable_flat<T>()) value = static_cast<T>(draw());
}

}  // namespace

Result<Tensor> sample_tensor(DType dtype, const Shape& shape, uint64_t seed) {
  TARN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::zeros(dtype, shape));
  Random random(seed);
  // Of 24 bits: exact in float32, and so below 1 after every rounding to it.
  auto unit = [&] { return static_cast<float>(random.next() >> 40) * 0x1p-24F; };
  auto bit = [&] { return random.next() >> 63; };
  switch (dtype) {
    case DType::kFloat: fill<float>(tensor, unit); break;
    case DType::kDouble: fill<double>(tensor, [&] { return random.uniform(); }); break;
    case DType::kHalf: fill<uint16_t>(tensor, [&] { return float_to_half(unit()); }); break;
    case DType::kBFloat16: fill<uint16_t>(tensor, [&] { return float_to_bfloat16(unit()); }); break;
    case DType::kInt32: fill<int32_t>(tensor, bit); break;
    case DType::kInt64: fill<int64_t>(tensor, bit); break;
    case DType::kUInt8: fill<uint8_t>(tensor, [&] { return random.next() >> 56; }); break;
    default: break;
  }
  return tensor;
}

}  // namespace tarn
