// The bodies behind batch_norm.h; included by foreach_isa.h once per flavour.

// y = (x - mean) * factor + offset
TARN_TARGET void normalize_rows(const T* x, const T* mean, const T* factor, const T* offset, T* y, int64_t rows,
                                int64_t channels) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t c = 0;
    for (; c + kWidth <= channels; c += kWidth) {
      store(y + c, fma(load(x + c) - load(mean + c), load(factor + c), load(offset + c)));
    }
    if (c < channels) {
      const int64_t n = channels - c;
      const V centered = load_partial(x + c, n) - load_partial(mean + c, n);
      store_partial(y + c, fma(centered, load_partial(factor + c, n), load_partial(offset + c, n)), n);
    }
    x += channels;
    y += channels;
  }
}

// dx = (dy - dy_mean - (x - mean) * slope) * factor
TARN_TARGET void normalize_grad_rows(const T* dy, const T* x, const T* mean, const T* dy_mean, const T* slope,
                                     const T* factor, T* dx, int64_t rows, int64_t channels) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t c = 0;
    for (; c + kWidth <= channels; c += kWidth) {
      const V centered = load(mean + c) - load(x + c);
      const V grad = fma(centered, load(slope + c), load(dy + c) - load(dy_mean + c));
      store(dx + c, grad * load(factor + c));
    }
    if (c < channels) {
      const int64_t n = channels - c;
      const V centered = load_partial(mean + c, n) - load_partial(x + c, n);
      const V grad = fma(centered, load_partial(slope + c, n), load_partial(dy + c, n) - load_partial(dy_mean + c, n));
      store_partial(dx + c, grad * load_partial(factor + c, n), n);
    }
    dy += channels;
    x += channels;
    dx += channels;
  }
}
