// The bodies behind elementwise.h; included by foreach_isa.h once per flavour. The last vector of a range is partial:
// it takes the same operations, so an element's bits do not depend on where a range ends.

TARN_TARGET void activate_range(const T* x, T* y, int64_t n, T ceiling) {
  for (int64_t i = 0; i < n; i += kWidth) {
    store_n(y + i, min(set1(ceiling), max(zero(), load_n(x + i, n - i))), n - i);
  }
}

TARN_TARGET void add_and_activate_range(const T* x, T* y, int64_t n, bool activates, T ceiling) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const V sum = load_n(y + i, n - i) + load_n(x + i, n - i);
    store_n(y + i, activates ? min(set1(ceiling), max(zero(), sum)) : sum, n - i);
  }
}

TARN_TARGET void activate_grad_range(const T* dy, const T* x, T* dx, int64_t n, T ceiling) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const V value = load_n(x + i, n - i);
    const V grad = load_n(dy + i, n - i);
    store_n(dx + i, (value > zero()) & ~(value >= set1(ceiling)) ? grad : zero(), n - i);
  }
}

TARN_TARGET void exp_range(const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) store_n(y + i, exp(load_n(x + i, n - i)), n - i);
}

TARN_TARGET void bias_add_rows(const T* x, const T* bias, T* y, int64_t rows, int64_t columns) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < columns; i += kWidth) {
      store_n(y + i, load_n(x + i, columns - i) + load_n(bias + i, columns - i), columns - i);
    }
    x += columns;
    y += columns;
  }
}

TARN_TARGET void axpy_range(T alpha, const T* x, T* y, int64_t n) {
  for (int64_t i = 0; i < n; i += kWidth) {
    store_n(y + i, fma(set1(alpha), load_n(x + i, n - i), load_n(y + i, n - i)), n - i);
  }
}

TARN_TARGET void momentum_range(const MomentumOptions<T>& options, const T* grad, T* accum, T* var, int64_t n) {
  const V momentum = set1(options.momentum);
  const V rate = set1(-options.learning_rate);
  for (int64_t i = 0; i < n; i += kWidth) {
    const V g = load_n(grad + i, n - i);
    const V a = fma(load_n(accum + i, n - i), momentum, g);
    const V step = options.use_nesterov ? fma(momentum, a, g) : a;
    store_n(accum + i, a, n - i);
    store_n(var + i, fma(rate, step, load_n(var + i, n - i)), n - i);
  }
}

TARN_TARGET void adam_range(const AdamOptions<T>& options, T rate, const T* grad, T* m, T* v, T* var, int64_t n) {
  const V beta1 = set1(options.beta1), one_minus_beta1 = set1(1 - options.beta1);
  const V one_minus_beta2 = set1(1 - options.beta2);
  const V epsilon = set1(options.epsilon), rate_v = set1(rate);
  for (int64_t i = 0; i < n; i += kWidth) {
    const V g = load_n(grad + i, n - i);
    V first = load_n(m + i, n - i);
    V second = load_n(v + i, n - i);
    first = fma(g - first, one_minus_beta1, first);
    second = fma(fma(g, g, -second), one_minus_beta2, second);
    const V direction = options.use_nesterov ? fma(g, one_minus_beta1, beta1 * first) : first;
    store_n(m + i, first, n - i);
    store_n(v + i, second, n - i);
    store_n(var + i, load_n(var + i, n - i) - rate_v * direction / (sqrt(second) + epsilon), n - i);
  }
}
