#include "tests/ops/naive_windows.h"

namespace tarn::testing {
namespace {

size_t offset(const Shape& s, int64_t n, int64_t i, int64_t j, int64_t c) {
  return static_cast<size_t>(((n * s.dim(1) + i) * s.dim(2) + j) * s.dim(3) + c);
}

}  // namespace

double& at(Tensor& x, int64_t n, int64_t i, int64_t j, int64_t c) {
  return x.mutable_flat<double>()[offset(x.shape(), n, i, j, c)];
}

double at(const Tensor& x, int64_t n, int64_t i, int64_t j, int64_t c) {
  return x.flat<double>()[offset(x.shape(), n, i, j, c)];
}

NaiveWindow naive_window(const AttrMap& attrs, int dim, int64_t input, int64_t size) {
  auto d = static_cast<size_t>(dim);
  NaiveWindow window;
  window.size = size;
  window.stride = attrs.get<std::vector<int64_t>>("strides")[d];
  if (attrs.contains("dilations")) window.dilation = attrs.get<std::vector<int64_t>>("dilations")[d];
  const auto& padding = attrs.get<std::string>("padding");
  int64_t extent = (size - 1) * window.dilation + 1;
  int64_t after = 0;
  if (padding == "EXPLICIT") {
    window.pad_before = attrs.get<std::vector<int64_t>>("explicit_paddings")[2 * d];
    after = attrs.get<std::vector<int64_t>>("explicit_paddings")[2 * d + 1];
  }
  if (padding == "SAME") {
    // As many windows as there are strides begun in the image.
    for (int64_t start = 0; start < input; start += window.stride) ++window.out;
    int64_t missing = std::max<int64_t>(0, (window.out - 1) * window.stride + extent - input);
    window.pad_before = missing / 2;
  } else {
    for (int64_t start = 0; start + extent <= window.pad_before + input + after; start += window.stride) ++window.out;
  }
  return window;
}

void visit_windows(const AttrMap& attrs, int64_t batch, int64_t in_h, int64_t in_w, int64_t size_h, int64_t size_w,
                   const WindowVisit& visit) {
  NaiveWindow vertical = naive_window(attrs, 1, in_h, size_h), horizontal = naive_window(attrs, 2, in_w, size_w);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t i = 0; i < vertical.out; ++i) {
      for (int64_t j = 0; j < horizontal.out; ++j) {
        for (int64_t h = 0; h < size_h; ++h) {
          for (int64_t w = 0; w < size_w; ++w) {
            int64_t y = i * vertical.stride - vertical.pad_before + h * vertical.dilation;
            int64_t x = j * horizontal.stride - horizontal.pad_before + w * horizontal.dilation;
            if (y >= 0 && y < in_h && x >= 0 && x < in_w) visit(n, i, j, y, x, h, w);
          }
        }
      }
    }
  }
}

Tensor naive_conv(const Tensor& x, const Tensor& filter, const AttrMap& attrs) {
  const Shape &xs = x.shape(), &fs = filter.shape();
  Tensor y = *Tensor::zeros(DType::kDouble, Shape{xs.dim(0), naive_window(attrs, 1, xs.dim(1), fs.dim(0)).out,
                                                  naive_window(attrs, 2, xs.dim(2), fs.dim(1)).out, fs.dim(3)});
  visit_windows(attrs, xs.dim(0), xs.dim(1), xs.dim(2), fs.dim(0), fs.dim(1),
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t h, int64_t w) {
                  for (int64_t k = 0; k < fs.dim(3); ++k) {
                    for (int64_t c = 0; c < fs.dim(2); ++c) {
                      at(y, n, i, j, k) += at(x, n, row, column, c) * at(filter, h, w, c, k);
                    }
                  }
                });
  return y;
}

Tensor naive_conv_input_gradient(const Shape& xs, const Tensor& filter, const Tensor& dy, const AttrMap& attrs) {
  const Shape& fs = filter.shape();
  Tensor dx = *Tensor::zeros(DType::kDouble, xs);
  visit_windows(attrs, xs.dim(0), xs.dim(1), xs.dim(2), fs.dim(0), fs.dim(1),
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t h, int64_t w) {
                  for (int64_t k = 0; k < fs.dim(3); ++k) {
                    for (int64_t c = 0; c < fs.dim(2); ++c) {
                      at(dx, n, row, column, c) += at(dy, n, i, j, k) * at(filter, h, w, c, k);
                    }
                  }
                });
  return dx;
}

Tensor naive_conv_filter_gradient(const Tensor& x, const Shape& fs, const Tensor& dy, const AttrMap& attrs) {
  const Shape& xs = x.shape();
  Tensor dfilter = *Tensor::zeros(DType::kDouble, fs);
  visit_windows(attrs, xs.dim(0), xs.dim(1), xs.dim(2), fs.dim(0), fs.dim(1),
                [&](int64_t n, int64_t i, int64_t j, int64_t row, int64_t column, int64_t h, int64_t w) {
                  for (int64_t k = 0; k < fs.dim(3); ++k) {
                    for (int64_t c = 0; c < fs.dim(2); ++c) {
                      at(dfilter, h, w, c, k) += at(dy, n, i, j, k) * at(x, n, row, column, c);
                    }
                  }
                });
  return dfilter;
}

Shape naive_pooled_shape(const Shape& x, const AttrMap& attrs) {
  const auto& ksize = attrs.get<std::vector<int64_t>>("ksize");
  return {x.dim(0), naive_window(attrs, 1, x.dim(1), ksize[1]).out, naive_window(attrs, 2, x.dim(2), ksize[2]).out,
          x.dim(3)};
}

}  // namespace tarn::testing
