// The transforms of winograd_transform_inl.h where speed counts: each with both of its dimensions in one function.

// Makes the compiler forget what it knows of a stride: it would compute all of a tile's addresses ahead of the loop
// over channels, of few turns, and keep them in memory.
TARN_INLINE void forget(int64_t& stride) {
  __asm__("" : "+r"(stride));
}

// One vector of channels: [kIn][kIn] cells at row and pixel strides to the 36 points.
template <class Step>
TARN_TARGET void to_points(const T* in, int64_t row_stride, int64_t pixel_stride, T* out, int64_t point_stride) {
  forget(row_stride);
  forget(pixel_stride);
  forget(point_stride);
  V half[6][Step::kIn];
  TARN_UNROLL
  for (int j = 0; j < Step::kIn; ++j) {
    V cells[Step::kIn], column[6];
    const T* cell = in;
    TARN_UNROLL
    for (int i = 0; i < Step::kIn; ++i) {
      cells[i] = load(cell);
      cell += row_stride;
    }
    in += pixel_stride;
    step(Step{}, cells, column);
    TARN_UNROLL
    for (int i = 0; i < 6; ++i) half[i][j] = column[i];
  }
  TARN_UNROLL
  for (int i = 0; i < 6; ++i) {
    V row[6];
    step(Step{}, half[i], row);
    TARN_UNROLL
    for (int j = 0; j < 6; ++j) {
      store(out, row[j]);
      out += point_stride;
    }
  }
}

template <class Step>
TARN_TARGET void transform(const T* in, int64_t row_stride, int64_t pixel_stride, int64_t channels, T* out,
                           int64_t point_stride) {
  int64_t c = 0;
  for (; c + kWidth <= channels; c += kWidth) {
    to_points<Step>(in + c, row_stride, pixel_stride, out + c, point_stride);
  }
  if (c == channels) return;
  // The last channels and zeros beside them.
  T cells[Step::kIn * Step::kIn * kWidth];
  T* cell = cells;
  for (int i = 0; i < Step::kIn; ++i) {
    for (int j = 0; j < Step::kIn; ++j) {
      store(cell, load_partial(in + c + i * row_stride + j * pixel_stride, channels - c));
      cell += kWidth;
    }
  }
  to_points<Step>(cells, Step::kIn * kWidth, kWidth, out + c, point_stride);
}

// A vector of channels of the block; `bias` is null or that many values.
template <int kBlock>
TARN_TARGET void output_vector(const T* points, int64_t point_stride, T* y, int64_t row_stride, int64_t pixel_stride,
                               const T* bias, const WinogradOutput<T>& to) {
  int64_t column_stride = 6 * point_stride;
  forget(row_stride);
  forget(pixel_stride);
  forget(point_stride);
  forget(column_stride);
  V half[kBlock][6];
  TARN_UNROLL
  for (int j = 0; j < 6; ++j) {
    V cells[6], column[kBlock];
    const T* point = points;
    TARN_UNROLL
    for (int i = 0; i < 6; ++i) {
      cells[i] = load(point);
      point += column_stride;
    }
    points += point_stride;
    step(PowersStep<kBlock>{}, cells, column);
    TARN_UNROLL
    for (int i = 0; i < kBlock; ++i) half[i][j] = column[i];
  }
  const bool has_bias = bias != nullptr, activates = to.epilogue.activation != Activation::kNone;
  const V added = has_bias ? load(bias) : zero();
  const V ceiling = set1(to.epilogue.activation == Activation::kRelu6 ? T{6} : T(__builtin_inff()));
  TARN_UNROLL
  for (int i = 0; i < kBlock; ++i) {
    if (i == to.rows) break;
    V row[kBlock];
    step(PowersStep<kBlock>{}, half[i], row);
    T* pixel = y;
    TARN_UNROLL
    for (int j = 0; j < kBlock; ++j) {
      if (has_bias) row[j] = row[j] + added;
      if (activates) row[j] = min(ceiling, max(zero(), row[j]));
      if (j < to.columns) store(pixel, row[j]);
      pixel += pixel_stride;
    }
    y += row_stride;
  }
}

template <int kBlock>
TARN_TARGET void output(const T* points, int64_t point_stride, const WinogradOutput<T>& to) {
  const T* bias = to.epilogue.bias;
  int64_t c = 0;
  for (; c + kWidth <= to.channels; c += kWidth) {
    output_vector<kBlock>(points + c, point_stride, to.y + c, to.row_stride, to.pixel_stride,
                          bias != nullptr ? bias + c : nullptr, to);
  }
  if (c == to.channels) return;
  // The last channels by way of whole vectors.
  const int64_t lanes = to.channels - c;
  T last_bias[kWidth], block[kBlock * kBlock * kWidth];
  if (bias != nullptr) store(last_bias, load_partial(bias + c, lanes));
  output_vector<kBlock>(points + c, point_stride, block, kBlock * kWidth, kWidth, bias != nullptr ? last_bias : nullptr,
                        to);
  for (int64_t i = 0; i < to.rows; ++i) {
    for (int64_t j = 0; j < to.columns; ++j) {
      store_partial(to.y + c + i * to.row_stride + j * to.pixel_stride, load(block + (i * kBlock + j) * kWidth), lanes);
    }
  }
}
