// The bodies behind softmax.h; included by foreach_isa.h once per flavour.

// The row's maximum, NaN if it holds one.
TARN_INLINE T row_max(const T* x, int64_t n) {
  V largest = set1(x[0]);
  for (int64_t i = 0; i < n; i += kWidth) {
    const V value = n - i >= kWidth ? load(x + i) : fill_beyond(load_partial(x + i, n - i), n - i, x[0]);
    largest = ((value > largest) | (value != value)) ? value : largest;
  }
  return reduce_max(largest);
}

// The sum of e^(x - largest), which is stored to y if kStore.
template <bool kStore>
TARN_INLINE T row_exp(const T* x, T largest, T* y, int64_t n) {
  V sum = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    const V value = exp(load_n(x + i, n - i) - set1(largest));
    if constexpr (kStore) store_n(y + i, value, n - i);
    sum = sum + (n - i >= kWidth ? value : fill_beyond(value, n - i, T{0}));
  }
  return reduce_add(sum);
}

TARN_INLINE void row_scale(T* y, T factor, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, load_n(y + i, n - i) * set1(factor), n - i);
}

TARN_INLINE T log_of(T x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return __builtin_logf(x);
  } else {
    return __builtin_log(x);
  }
}

TARN_TARGET void softmax_row(const T* x, T* y, int64_t n) {
  const T largest = row_max(x, n);
  row_scale(y, T{1} / row_exp<true>(x, largest, y, n), n);
}

// y = x - log(sum e^x), as (x - max) - log(sum e^(x - max)): the sum's logarithm is small, so nothing is lost to a
// large maximum.
TARN_TARGET void log_softmax_row(const T* x, T* y, int64_t n) {
  const T largest = row_max(x, n);
  const V log_sum = set1(log_of(row_exp<false>(x, largest, y, n)));
  for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, (load_n(x + i, n - i) - set1(largest)) - log_sum, n - i);
}

// Returns the loss; dx = softmax - labels.
TARN_TARGET T cross_entropy_row(const T* x, const T* labels, T* dx, int64_t n) {
  const T largest = row_max(x, n);
  const T sum = row_exp<true>(x, largest, dx, n);
  const T log_sum = log_of(sum);
  const V inverse = set1(T{1} / sum);
  V loss = zero();
  for (int64_t i = 0; i < n; i += kWidth) {
    const V label = load_n(labels + i, n - i);  // 0 in the lanes beyond the row
    const V terms = label * (set1(log_sum) - (load_n(x + i, n - i) - set1(largest)));
    loss = loss + (label == zero() ? zero() : terms);
    store_n(dx + i, load_n(dx + i, n - i) * inverse - label, n - i);
  }
  return reduce_add(loss);
}

// Returns the loss of class `label`; dx = softmax - onehot(label).
TARN_TARGET T sparse_cross_entropy_row(const T* x, int64_t label, T* dx, int64_t n) {
  const T largest = row_max(x, n);
  const T sum = row_exp<true>(x, largest, dx, n);
  row_scale(dx, T{1} / sum, n);
  dx[label] -= T{1};
  const T log_sum = log_of(sum);
  return log_sum - (x[label] - largest);
}

TARN_TARGET void softmax_rows(const T* x, T* y, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; ++row) softmax_row(x + row * n, y + row * n, n);
}

TARN_TARGET void log_softmax_rows(const T* x, T* y, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; ++row) log_softmax_row(x + row * n, y + row * n, n);
}

TARN_TARGET void cross_entropy_rows(const T* x, const T* labels, T* loss, T* dx, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; ++row) {
    loss[row] = cross_entropy_row(x + row * n, labels + row * n, dx + row * n, n);
  }
}

template <class Label>
TARN_TARGET void sparse_cross_entropy_rows(const T* x, const Label* labels, T* loss, T* dx, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t label = labels[row];
    if (label >= 0 && label < n) {
      loss[row] = sparse_cross_entropy_row(x + row * n, label, dx + row * n, n);
    } else {
      loss[row] = T(__builtin_nanf(""));
      for (int64_t i = 0; i < n; ++i) dx[row * n + i] = T(__builtin_nanf(""));
    }
  }
}
