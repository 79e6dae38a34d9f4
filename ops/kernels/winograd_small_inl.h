// The transforms of winograd_transform_inl.h in a build for size, bit for bit what winograd_whole_inl.h computes: one
// function goes down the columns and along the rows, and calls the one-dimensional transform by pointer.

// One vector of channels: values `in_stride` apart to values `out_stride` apart.
using Line = void (*)(const T* in, int64_t in_stride, T* out, int64_t out_stride);

template <class Step>
TARN_TARGET void line(const T* in, int64_t in_stride, T* out, int64_t out_stride) {
  V values[Step::kIn], results[Step::kOut];
  TARN_UNROLL
  for (int i = 0; i < Step::kIn; ++i) {
    values[i] = load(in);
    in += in_stride;
  }
  step(Step{}, values, results);
  TARN_UNROLL
  for (int i = 0; i < Step::kOut; ++i) {
    store(out, results[i]);
    out += out_stride;
  }
}

// ins x ins cells to outs x outs values that lie `out_stride` apart, row by row.
TARN_TARGET __attribute__((noinline)) void square(Line line_of_step, int ins, int outs, const T* in, int64_t row_stride,
                                                  int64_t pixel_stride, T* out, int64_t out_stride) {
  T half[6 * 6 * kWidth];
  for (int j = 0; j < ins; ++j) line_of_step(in + j * pixel_stride, row_stride, half + j * kWidth, ins * kWidth);
  for (int i = 0; i < outs; ++i) {
    line_of_step(half + i * ins * kWidth, kWidth, out + i * outs * out_stride, out_stride);
  }
}

TARN_TARGET __attribute__((noinline)) void to_points(Line line_of_step, int ins, const T* in, int64_t row_stride,
                                                     int64_t pixel_stride, int64_t channels, T* out,
                                                     int64_t point_stride) {
  T cells[6 * 6 * kWidth];
  for (int64_t c = 0; c < channels; c += kWidth) {
    const T* from = in + c;
    if (channels - c < kWidth) {  // the last channels and zeros beside them
      T* cell = cells;
      for (int i = 0; i < ins; ++i) {
        for (int j = 0; j < ins; ++j) {
          store(cell, load_partial(from + i * row_stride + j * pixel_stride, channels - c));
          cell += kWidth;
        }
      }
      from = cells;
      row_stride = ins * kWidth;
      pixel_stride = kWidth;
    }
    square(line_of_step, ins, 6, from, row_stride, pixel_stride, out + c, point_stride);
  }
}

template <class Step>
TARN_TARGET void transform(const T* in, int64_t row_stride, int64_t pixel_stride, int64_t channels, T* out,
                           int64_t point_stride) {
  to_points(line<Step>, Step::kIn, in, row_stride, pixel_stride, channels, out, point_stride);
}

TARN_TARGET __attribute__((noinline)) void output_block(Line line_of_step, int block, const T* points,
                                                        int64_t point_stride, const WinogradOutput<T>& to) {
  const bool activates = to.epilogue.activation != Activation::kNone;
  const V ceiling = set1(to.epilogue.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff()));
  T values[4 * 4 * kWidth];
  for (int64_t c = 0; c < to.channels; c += kWidth) {
    const int64_t lanes = to.channels - c;
    square(line_of_step, 6, block, points + c, 6 * point_stride, point_stride, values, kWidth);
    for (int64_t i = 0; i < to.rows; ++i) {
      for (int64_t j = 0; j < to.columns; ++j) {
        V value = load(values + (i * block + j) * kWidth);
        if (to.epilogue.bias != nullptr) value = value + load_n(to.epilogue.bias + c, lanes);
        if (activates) value = min(ceiling, max(zero(), value));
        store_n(to.y + c + i * to.row_stride + j * to.pixel_stride, value, lanes);
      }
    }
  }
}

template <int kBlock>
TARN_TARGET void output(const T* points, int64_t point_stride, const WinogradOutput<T>& to) {
  output_block(line<PowersStep<kBlock>>, kBlock, points, point_stride, to);
}
