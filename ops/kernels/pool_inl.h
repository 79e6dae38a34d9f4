// The bodies behind pool.h; included by foreach_isa.h once per flavour.

// The cells of one window that lie inside the image.
struct Window {
  int64_t row, rows, column, columns;
};

TARN_INLINE void clip(int64_t start, int64_t size, int64_t limit, int64_t& first, int64_t& count) {
  const int64_t end = start + size < limit ? start + size : limit;
  first = start > 0 ? start : 0;
  count = end > first ? end - first : 0;
}

TARN_INLINE Window window_at(const Pool2DGeometry& g, int64_t i, int64_t j) {
  Window w;
  clip(i * g.stride_h - g.pad_top, g.window_h, g.in_h, w.row, w.rows);
  clip(j * g.stride_w - g.pad_left, g.window_w, g.in_w, w.column, w.columns);
  return w;
}

TARN_INLINE V lowest() {
  return set1(sizeof(T) == 4 ? T(-__FLT_MAX__) : T(-__DBL_MAX__));
}

// Output rows [begin, end) of the batch laid end to end.
TARN_TARGET void max_pool_rows(const Pool2DGeometry& g, const T* x, T* y, int64_t begin, int64_t end) {
  const int64_t pitch = g.in_w * g.channels;
  for (int64_t row = begin; row < end; ++row) {
    const T* image = x + row / g.out_h * g.in_h * pitch;
    for (int64_t j = 0; j < g.out_w; ++j) {
      const Window w = window_at(g, row % g.out_h, j);
      const T* corner = image + w.row * pitch + w.column * g.channels;
      T* out = y + (row * g.out_w + j) * g.channels;
      if (w.rows == 2 && w.columns == 2) {  // the common window, without inner loops
        const T* below = corner + pitch;
        for (int64_t c = 0; c < g.channels; c += kWidth) {
          const int64_t n = g.channels - c;
          const V top = max(load_n(corner + c, n), load_n(corner + g.channels + c, n));
          const V bottom = max(load_n(below + c, n), load_n(below + g.channels + c, n));
          store_n(out + c, max(top, bottom), n);
        }
        continue;
      }
      for (int64_t c = 0; c < g.channels; c += kWidth) {
        const int64_t n = g.channels - c;
        V largest = w.rows > 0 && w.columns > 0 ? load_n(corner + c, n) : lowest();
        for (int64_t h = 0; h < w.rows; ++h) {
          for (int64_t k = 0; k < w.columns; ++k) {
            largest = max(largest, load_n(corner + h * pitch + k * g.channels + c, n));
          }
        }
        store_n(out + c, largest, n);
      }
    }
  }
}

TARN_TARGET void average_pool_rows(const Pool2DGeometry& g, const T* x, T* y, int64_t begin, int64_t end) {
  const int64_t pitch = g.in_w * g.channels;
  for (int64_t row = begin; row < end; ++row) {
    const T* image = x + row / g.out_h * g.in_h * pitch;
    for (int64_t j = 0; j < g.out_w; ++j) {
      const Window w = window_at(g, row % g.out_h, j);
      const T* corner = image + w.row * pitch + w.column * g.channels;
      const int64_t cells = w.rows * w.columns;
      const V count = set1(static_cast<T>(cells > 0 ? cells : 1));
      T* out = y + (row * g.out_w + j) * g.channels;
      for (int64_t c = 0; c < g.channels; c += kWidth) {
        const int64_t n = g.channels - c;
        V sum = zero();
        for (int64_t h = 0; h < w.rows; ++h) {
          for (int64_t k = 0; k < w.columns; ++k) sum = sum + load_n(corner + h * pitch + k * g.channels + c, n);
        }
        store_n(out + c, sum / count, n);
      }
    }
  }
}

TARN_INLINE void clear(T* p, int64_t n) {
  __builtin_memset(p, 0, static_cast<size_t>(n) * sizeof(T));
}

// Whether every cell of the image lies in exactly one window: then dx is written, not added to.
TARN_INLINE bool tiles_image(const Pool2DGeometry& g) {
  return g.stride_h == g.window_h && g.stride_w == g.window_w && g.pad_top == 0 && g.pad_left == 0 &&
         g.out_h * g.stride_h >= g.in_h && g.out_w * g.stride_w >= g.in_w;
}

// One cell of a window: gets dy where it holds the maximum and no earlier cell did.
template <bool kAdd>
TARN_INLINE void give_to_first(const T* x, T* dx, V largest, V grad, VI& found, int64_t n) {
  const VI hit = (load_n(x, n) == largest) & ~found;
  found |= hit;
  const V share = hit ? grad : zero();
  store_n(dx, kAdd ? load_n(dx, n) + share : share, n);
}

template <bool kAdd>
TARN_INLINE void max_pool_backward_image(const Pool2DGeometry& g, const T* x, const T* y, const T* dy, T* dx) {
  const int64_t pitch = g.in_w * g.channels;
  for (int64_t i = 0; i < g.out_h; ++i) {
    for (int64_t j = 0; j < g.out_w; ++j) {
      const Window w = window_at(g, i, j);
      const int64_t corner = w.row * pitch + w.column * g.channels;
      const int64_t out = (i * g.out_w + j) * g.channels;
      for (int64_t c = 0; c < g.channels; c += kWidth) {
        const int64_t n = g.channels - c;
        const V largest = load_n(y + out + c, n);
        const V grad = load_n(dy + out + c, n);
        VI found = {};
        for (int64_t h = 0; h < w.rows; ++h) {
          for (int64_t k = 0; k < w.columns; ++k) {
            const int64_t at = corner + h * pitch + k * g.channels + c;
            give_to_first<kAdd>(x + at, dx + at, largest, grad, found, n);
          }
        }
      }
    }
  }
}

TARN_TARGET void max_pool_backward_images(const Pool2DGeometry& g, const T* x, const T* y, const T* dy, T* dx,
                                          int64_t begin, int64_t end) {
  const int64_t in = g.in_h * g.in_w * g.channels;
  const int64_t out = g.out_h * g.out_w * g.channels;
  for (int64_t image = begin; image < end; ++image) {
    T* grad = dx + image * in;
    if (tiles_image(g)) {
      max_pool_backward_image<false>(g, x + image * in, y + image * out, dy + image * out, grad);
    } else {
      clear(grad, in);
      max_pool_backward_image<true>(g, x + image * in, y + image * out, dy + image * out, grad);
    }
  }
}

TARN_TARGET void average_pool_backward_images(const Pool2DGeometry& g, const T* dy, T* dx, int64_t begin, int64_t end) {
  const int64_t pitch = g.in_w * g.channels;
  for (int64_t image = begin; image < end; ++image) {
    T* to = dx + image * g.in_h * pitch;
    clear(to, g.in_h * pitch);
    for (int64_t i = 0; i < g.out_h; ++i) {
      for (int64_t j = 0; j < g.out_w; ++j) {
        const Window w = window_at(g, i, j);
        const int64_t cells = w.rows * w.columns;
        if (cells == 0) continue;
        const V count = set1(static_cast<T>(cells));
        const T* from = dy + ((image * g.out_h + i) * g.out_w + j) * g.channels;
        for (int64_t c = 0; c < g.channels; c += kWidth) {
          const int64_t n = g.channels - c;
          const V share = load_n(from + c, n) / count;
          for (int64_t h = 0; h < w.rows; ++h) {
            for (int64_t k = 0; k < w.columns; ++k) {
              T* cell = to + (w.row + h) * pitch + (w.column + k) * g.channels + c;
              store_n(cell, load_n(cell, n) + share, n);
            }
          }
        }
      }
    }
  }
}
