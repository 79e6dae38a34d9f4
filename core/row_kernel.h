// RowKernel: what a kernel over images (NHWC) has beside run() if it can make an image's rows a band at a time, from as
// few rows of its input. Steps that follow each other then run together, band by band, and what lies between them is
// never there as a whole (runtime/compile_stream.cc).
//
//   RowKernel* rows = kernel.by_rows();                       // after prepare(); null: it has to run as a whole
//   rows->begin_rows();                                       // once, before the first run
//   rows->run_rows({.image = 0, .first = 8, .rows = 4, .x = …, .y = …, …});
//
// A band has the bits that the same rows have in run().
#pragma once

#include <algorithm>

#include "core/kernel.h"

namespace tarn {

// Output row y is made of input rows [y * stride - pad, … + extent), as far as there are such.
struct RowWindow {
  int64_t images = 0;
  int64_t in_rows = 0, out_rows = 0;  // of an image
  size_t in_row_bytes = 0, out_row_bytes = 0;
  int64_t stride = 1, extent = 1, pad = 0;
  int64_t multiple = 1;      // bands begin at multiples of so many rows, and end there or with the image
  int64_t rows_at_once = 1;  // smaller bands cost time: constants are read too often for what is done with them
  double work = 0;           // multiply-adds of a row, about

  int64_t input_begin(int64_t first) const { return std::clamp<int64_t>(first * stride - pad, 0, in_rows); }
  int64_t input_end(int64_t end) const {
    return end <= 0 ? 0 : std::clamp<int64_t>((end - 1) * stride - pad + extent, 0, in_rows);
  }
  int64_t begin_of_band(int64_t row) const { return row / multiple * multiple; }
  int64_t end_of_band(int64_t row) const {
    return std::min(out_rows, (row + multiple - 1) / multiple * multiple);
  }
};

struct RowBand {
  int64_t image = 0;
  int64_t first = 0, rows = 0;         // of the output
  const void* x = nullptr;             // input rows [input_begin(first), input_end(first + rows))
  void* y = nullptr;                   // `rows` rows
  std::span<const TensorView> inputs;  // as in run(); x is in place of input 0
  ThreadPool& pool;                    // of one thread: others make other bands
  void* scratch = nullptr;
};

class RowKernel {
 public:
  virtual ~RowKernel() = default;
  virtual const RowWindow& row_window() const = 0;
  // Of a band of at most so many rows.
  virtual size_t row_scratch_bytes(int64_t rows) const = 0;
  // What is made once for all bands, and kept: how much, and make it.
  virtual size_t kept_bytes() const { return 0; }
  virtual Status begin_rows() { return {}; }
  virtual void run_rows(const RowBand& band) const = 0;
};

}  // namespace tarn
