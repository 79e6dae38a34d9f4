// The only header that includes Eigen. For ops that are not hot; hot GEMMs and convolutions are in ops/kernels.
#pragma once

#include <Eigen/Core>
#include <unsupported/Eigen/CXX11/Tensor>

#include "core/dtype.h"
#include "core/kernel.h"
