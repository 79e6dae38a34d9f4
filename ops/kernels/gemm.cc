#include "ops/kernels/gemm.h"

#include <algorithm>
#include <cstring>

#include "core/strings.h"
#include "ops/kernels/tile.h"

namespace tarn::kernels {
namespace {

// Blocks of one thread, in elements. B's block stays in L2 while the rows of an A block pass; measured on shapes of
// fully connected layers, flat around these values.
constexpr int64_t kDepthBlock = 768;
constexpr int64_t kColumnBlock = 128;
constexpr int64_t kRowBlock = 112;       // rows of A packed at a time
constexpr int64_t kRowsPerBPack = 1024;  // rows of A that share one packing of B
constexpr int64_t kPad = 16;             // keeps packed rows of A off one cache set

// Of packed B, which is read in place. What is used again and again stays in L2: all of B where it is small, so that A
// and C pass once, rows first; else so many rows of A, while the panels of B pass.
constexpr int64_t kPackedDepthBlock = 2048;
constexpr int64_t kPackedBytes = 256 << 10;
constexpr int64_t kPackedRowBytes = 448 << 10;

template <class T>
struct Problem {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  const T* a;
  int64_t lda;
  const T* b;  // packed if `packed`
  int64_t ldb;
  bool packed;
  bool accumulate;
  T* c;
  int64_t ldc;
  Epilogue<T> epilogue;
};

template <class T>
int64_t packed_row_block(int64_t m, int64_t k) {
  const int64_t row_bytes = std::max<int64_t>(1, std::min(k, kPackedDepthBlock)) * int64_t{sizeof(T)};
  return std::min(m, std::clamp<int64_t>(kPackedRowBytes / row_bytes, kMaxTileRows, 112));
}

template <class T>
int64_t a_block_elements(int64_t m, int64_t k) {
  return std::min(k, kDepthBlock) * (std::min(m, kRowBlock) + kPad) + std::min(m, kRowBlock) * kPad;
}

template <class T>
int64_t b_block_elements(int64_t n, int64_t k) {
  return packed_elements(std::min(k, kDepthBlock), std::min(n, kColumnBlock));
}

// Rows of A that are a multiple of 2 KB apart fall into few cache sets: a tile would evict its own lines.
template <class T>
bool strides_collide(int64_t stride) {
  return stride * static_cast<int64_t>(sizeof(T)) % 2048 == 0;
}

template <class T>
class Worker {
 public:
  Worker(const ThreadPool& pool, const TileKernels<T>& kernels, const Problem<T>& problem, T* scratch)
      : pool_(pool), kernels_(kernels), p_(problem), a_block_(scratch), b_block_(scratch + a_offset()) {}

  static int64_t scratch_elements(int64_t m, int64_t n, int64_t k, bool packed) {
    if (packed && !strides_collide<T>(k)) return 0;
    if (kForSpeed && packed) return round_up(packed_row_block<T>(m, k) * (std::min(k, kPackedDepthBlock) + kPad), 64);
    return round_up(a_block_elements<T>(m, k), 64) + (packed ? 0 : round_up(b_block_elements<T>(n, k), 64));
  }

  // C[m0:m1, n0:n1]; n0 is the start of a panel.
  void run(int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    if (kForSpeed && p_.packed) {
      run_packed(m0, m1, n0, n1);
    } else {
      run_by_columns(m0, m1, n0, n1);
    }
  }

 private:
  void run_packed(int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    const int64_t depth_blocks = std::max<int64_t>(1, ceil_div(p_.k, kPackedDepthBlock));
    const int64_t blocks = ceil_div(m1 - m0, packed_row_block<T>(p_.m, p_.k));
    for (int64_t depth_block = 0; depth_block < depth_blocks; ++depth_block) {
      const int64_t k = p_.k * depth_block / depth_blocks;
      const int64_t depth = p_.k * (depth_block + 1) / depth_blocks - k;
      for (int64_t block = 0; block < blocks; ++block) {
        if (pool_.is_stopped()) return;
        const int64_t m = m0 + (m1 - m0) * block / blocks;
        multiply_rows(m, m0 + (m1 - m0) * (block + 1) / blocks - m, n0, n1 - n0, k, depth);
      }
    }
  }

  void run_by_columns(int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
    const int64_t depth_blocks = std::max<int64_t>(1, ceil_div(p_.k, kDepthBlock));
    for (int64_t n = n0; n < n1; n += kColumnBlock) {
      const int64_t columns = std::min(kColumnBlock, n1 - n);
      for (int64_t m = m0; m < m1; m += kRowsPerBPack) {
        for (int64_t block = 0; block < depth_blocks; ++block) {
          const int64_t k = p_.k * block / depth_blocks;
          const int64_t depth = p_.k * (block + 1) / depth_blocks - k;
          if (pool_.is_stopped()) return;
          const bool repack = !p_.packed && (depth_blocks > 1 || m == m0);
          if (repack) pack_b(k, depth, n, columns);
          multiply(m, std::min(m + kRowsPerBPack, m1), n, columns, k, depth);
        }
      }
    }
  }

  int64_t a_offset() const { return round_up(a_block_elements<T>(p_.m, p_.k), 64); }

  void pack_b(int64_t k, int64_t depth, int64_t n, int64_t columns) {
    if (p_.transpose_b) {
      kernels_.pack_transposed(p_.b + n * p_.ldb + k, p_.ldb, depth, columns, depth, b_block_);
    } else {
      kernels_.pack(p_.b + k * p_.ldb + n, p_.ldb, depth, columns, depth, b_block_);
    }
  }

  void multiply(int64_t m0, int64_t m1, int64_t n, int64_t columns, int64_t k, int64_t depth) {
    const int64_t blocks = ceil_div(m1 - m0, kRowBlock);
    for (int64_t block = 0; block < blocks && !pool_.is_stopped(); ++block) {
      const int64_t m = m0 + (m1 - m0) * block / blocks;
      multiply_rows(m, m0 + (m1 - m0) * (block + 1) / blocks - m, n, columns, k, depth);
    }
  }

  void multiply_rows(int64_t m, int64_t rows, int64_t n, int64_t columns, int64_t k, int64_t depth) {
    constexpr int64_t kNoOffset = 0;
    Tile<T> tile{};
    tile.offsets = &kNoOffset;
    tile.segments = 1;
    tile.segment_length = depth;
    tile.ldc = p_.ldc;
    tile.accumulate = p_.accumulate || k > 0;
    const bool last = k + depth == p_.k;
    tile.activation = last ? p_.epilogue.activation : Activation::kNone;
    tile.c_is_far = is_far(depth, p_.m * p_.ldc * int64_t{sizeof(T)});

    const T* a = p_.transpose_a ? p_.a + k * p_.lda + m : p_.a + m * p_.lda + k;
    tile.a_stride = p_.lda;
    const int64_t width = kernels_.panel_width;
    const bool many_panels = columns > width;
    const bool may_copy = !p_.packed || p_.lda == p_.k;  // what scratch is for
    const bool copy_rows =
        p_.transpose_a ? many_panels || strides_collide<T>(p_.lda) : may_copy && strides_collide<T>(p_.lda) && rows > 4;
    if (copy_rows && depth > 0) {  // an empty matrix may be a null pointer
      const int64_t lines = p_.transpose_a ? depth : rows;
      const int64_t length = p_.transpose_a ? rows : depth;
      tile.a_stride = length + kPad;
      for (int64_t line = 0; line < lines; ++line) {
        std::memcpy(a_block_ + line * tile.a_stride, a + line * p_.lda, static_cast<size_t>(length) * sizeof(T));
      }
      a = a_block_;
    }

    const T* residual = last ? p_.epilogue.residual : nullptr;
    const T* bias = last ? p_.epilogue.bias : nullptr;
    const int64_t tiles = ceil_div(rows, kernels_.tile_rows), panels = ceil_div(columns, width);
    const bool rows_first =
        kForSpeed && p_.packed && panels > 1 && depth >= 32 && depth * columns * int64_t{sizeof(T)} <= kPackedBytes;
    // What one tile asks for ahead of its use: of the next panel, or of the rows after its own.
    const int64_t asked = depth / 2 * (64 / int64_t{sizeof(T)});
    const auto at_panel = [&](int64_t column) {
      tile.columns = std::min(width, columns - column);
      tile.b = p_.packed ? packed_b(n + column, k) : b_block_ + column * depth;
      tile.bias = bias == nullptr ? nullptr : bias + n + column;
    };
    const auto multiply_tile = [&](int64_t row, int64_t next_row, int64_t column) {
      const int64_t at = (m + row) * p_.ldc + n + column;
      tile.c = p_.c + at;
      tile.residual = residual == nullptr ? nullptr : residual + at;
      if (p_.transpose_a) {
        tile.a = a + row;
        kernels_.columns_tile(tile, next_row - row);
      } else {
        tile.a = a + row * tile.a_stride;
        kernels_.rows_tile(tile, next_row - row);
      }
    };
    const auto first_row = [&](int64_t t) { return rows * t / tiles; };
    if (rows_first) {
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t row = first_row(t), next_row = first_row(t + 1);
        const T* next = a + next_row * p_.lda;
        const int64_t next_elements = copy_rows ? 0 : std::min(next_row - row, p_.m - m - next_row) * p_.lda;
        for (int64_t panel = 0; panel < panels; ++panel) {
          at_panel(panel * width);
          tile.ahead = panel * asked < next_elements ? next + panel * asked : nullptr;
          multiply_tile(row, next_row, panel * width);
        }
      }
    } else {
      for (int64_t panel = 0; panel < panels; ++panel) {
        at_panel(panel * width);
        const T* next = tile.b + width * depth;
        const int64_t next_elements = panel + 1 < panels ? width * depth : 0;
        int64_t row = 0;
        for (int64_t t = 0; t < tiles; ++t) {
          const int64_t next_row = first_row(t + 1);
          tile.ahead = t * asked < next_elements ? next + t * asked : nullptr;
          multiply_tile(row, next_row, panel * width);
          row = next_row;
        }
      }
    }
  }

  const T* packed_b(int64_t column, int64_t k) const {
    const int64_t stored = kernels_.half_panel(p_.n - column) ? kernels_.panel_width / 2 : kernels_.panel_width;
    return p_.b + column * p_.k + k * stored;
  }

  const ThreadPool& pool_;
  const TileKernels<T>& kernels_;
  const Problem<T>& p_;
  T* a_block_;
  T* b_block_;
};

template <class T>
void run_problem(ThreadPool& pool, const TileKernels<T>& kernels, const Problem<T>& p, void* scratch) {
  if (p.m <= 0 || p.n <= 0) return;
  const int64_t threads = pool.threads();
  const int64_t row_tiles = ceil_div(p.m, kernels.tile_rows);
  const int64_t panels = ceil_div(p.n, kernels.panel_width);
  // Split the side whose tiles divide better; splitting rows makes every thread pack all of B, so that costs extra.
  const double row_cost = double(ceil_div(row_tiles, threads) * threads) / double(row_tiles) *
                          (p.packed ? 1.0 : 1.0 + std::min(1.0, 4.0 / double(p.m)));
  const double column_cost = double(ceil_div(panels, threads) * threads) / double(panels);
  const bool by_rows = row_cost < column_cost || (row_cost == column_cost && p.m >= p.n);
  const int64_t units = by_rows ? row_tiles : panels;
  const int64_t unit = by_rows ? kernels.tile_rows : kernels.panel_width;
  const int64_t per_thread = Worker<T>::scratch_elements(p.m, p.n, p.k, p.packed);
  pool.parallel_for_whole(units, min_range(units, p.m * p.n * std::max<int64_t>(1, p.k)),
                          [&](int64_t begin, int64_t end, int thread) {
                            Worker<T> worker(pool, kernels, p, static_cast<T*>(scratch) + thread * per_thread);
                            if (by_rows) {
                              worker.run(begin * unit, std::min(end * unit, p.m), 0, p.n);
                            } else {
                              worker.run(0, p.m, begin * unit, std::min(end * unit, p.n));
                            }
                          });
}

}  // namespace

bool gemm_is_one_pass(int64_t k) {
  return k <= kDepthBlock;
}

template <class T>
size_t gemm_scratch_bytes(int64_t m, int64_t n, int64_t k, int threads) {
  return static_cast<size_t>(Worker<T>::scratch_elements(m, n, k, false) * threads) * sizeof(T);
}

template <class T>
size_t gemm_packed_scratch_bytes(int64_t m, int64_t n, int64_t k, int threads) {
  return static_cast<size_t>(Worker<T>::scratch_elements(m, n, k, true) * threads) * sizeof(T);
}

template <class T>
void gemm(ThreadPool& pool, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const T* a,
          int64_t lda, const T* b, int64_t ldb, bool accumulate, T* c, int64_t ldc, const Epilogue<T>& epilogue,
          void* scratch, Isa isa) {
  const Problem<T> problem{.transpose_a = transpose_a,
                           .transpose_b = transpose_b,
                           .m = m,
                           .n = n,
                           .k = k,
                           .a = a,
                           .lda = lda,
                           .b = b,
                           .ldb = ldb,
                           .packed = false,
                           .accumulate = accumulate,
                           .c = c,
                           .ldc = ldc,
                           .epilogue = epilogue};
  run_problem(pool, tile_kernels<T>(isa), problem, scratch);
}

template <class T>
size_t packed_matrix_bytes(int64_t k, int64_t n) {
  return static_cast<size_t>(packed_elements(k, n)) * sizeof(T);
}

template <class T>
PackedMatrix<T> pack_matrix(bool transpose_b, int64_t k, int64_t n, const T* b, int64_t ldb, void* memory, Isa isa,
                            const HaveRead& have_read) {
  T* out = static_cast<T*>(memory);
  const TileKernels<T>& kernels = tile_kernels<T>(isa);
  const PackedMatrix<T> packed{out, k, n, isa};
  constexpr int64_t kBytesAtATime = 4 << 20;
  const int64_t width = kernels.panel_width, row_bytes = std::max<int64_t>(1, ldb) * int64_t{sizeof(T)};
  const int64_t rows_at_a_time = round_up(ceil_div(kBytesAtATime, row_bytes), width);
  const int64_t rows = transpose_b ? n : k;  // of b as it is stored
  for (int64_t row = 0; row < rows; row += rows_at_a_time) {
    const int64_t count = std::min(rows_at_a_time, rows - row);
    const T* from = b + row * ldb;
    if (transpose_b) {  // whole panels
      kernels.pack_transposed(from, ldb, k, count, k, out + row * k);
    } else {  // so many rows of every panel; the last may be half as wide
      const int64_t full = n / width * width, left = n - full;
      if (full > 0) kernels.pack(from, ldb, count, full, k, out + row * width);
      if (left > 0) {
        const int64_t last_width = kernels.half_panel(left) ? width / 2 : width;
        kernels.pack(from + full, ldb, count, left, k, out + full * k + row * last_width);
      }
    }
    if (have_read) have_read(from, static_cast<size_t>(count * row_bytes));
  }
  return packed;
}

template <class T>
std::string packed_matrix_layout(bool transpose_b, int64_t k, int64_t n, Isa isa) {
  return str_cat(transpose_b ? "transposed " : "", k, "x", n, "/", tile_kernels<T>(isa).panel_width);
}

template <class T>
void gemm_packed(ThreadPool& pool, int64_t m, const PackedMatrix<T>& b, const T* a, int64_t lda, bool accumulate, T* c,
                 int64_t ldc, const Epilogue<T>& epilogue, void* scratch) {
  const Problem<T> problem{.transpose_a = false,
                           .transpose_b = false,
                           .m = m,
                           .n = b.n,
                           .k = b.k,
                           .a = a,
                           .lda = lda,
                           .b = b.data,
                           .ldb = 0,
                           .packed = true,
                           .accumulate = accumulate,
                           .c = c,
                           .ldc = ldc,
                           .epilogue = epilogue};
  run_problem(pool, tile_kernels<T>(b.isa), problem, scratch);
}

#define TARN_INSTANTIATE(T)                                                                                        \
  template size_t gemm_scratch_bytes<T>(int64_t, int64_t, int64_t, int);                                           \
  template size_t gemm_packed_scratch_bytes<T>(int64_t, int64_t, int64_t, int);                                    \
  template void gemm<T>(ThreadPool&, bool, bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t,  \
                        bool, T*, int64_t, const Epilogue<T>&, void*, Isa);                                        \
  template std::string packed_matrix_layout<T>(bool, int64_t, int64_t, Isa);                                       \
  template size_t packed_matrix_bytes<T>(int64_t, int64_t);                                                        \
  template PackedMatrix<T> pack_matrix<T>(bool, int64_t, int64_t, const T*, int64_t, void*, Isa, const HaveRead&); \
  template void gemm_packed<T>(ThreadPool&, int64_t, const PackedMatrix<T>&, const T*, int64_t, bool, T*, int64_t, \
                               const Epilogue<T>&, void*);
TARN_INSTANTIATE(float)
TARN_INSTANTIATE(double)
#undef TARN_INSTANTIATE

}  // namespace tarn::kernels
