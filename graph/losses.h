// Losses and accuracy: scalars, means over the batch.
//
//   Output loss = losses::SparseSoftmaxCrossEntropy(root.WithOpName("loss"), labels, logits);
//   Output right = metrics::Accuracy(root.WithOpName("accuracy"), labels, logits);
//
// The scope's op name is the name of the result: the loss is node `loss`, what it needs is below `loss/`. Losses are
// recorded in the collection "losses".
#pragma once

#include "graph/scope.h"

namespace tarn::losses {

// labels T[N, C]: a distribution a row (one-hot, usually); no gradient flows into them. logits T[N, C], not softmaxed.
Output SoftmaxCrossEntropy(const Scope& scope, const Input& labels, const Input& logits);

// labels int32 or int64 [N]: the right class of each row. logits T[N, C], not softmaxed.
Output SparseSoftmaxCrossEntropy(const Scope& scope, const Input& labels, const Input& logits);

// The mean of (predictions - labels)^2 over all elements.
Output MeanSquaredError(const Scope& scope, const Input& labels, const Input& predictions);

}  // namespace tarn::losses

namespace tarn::metrics {

// float: the share of rows whose largest logit is at the label. labels int32 or int64 [N]; logits T[N, C].
Output Accuracy(const Scope& scope, const Input& labels, const Input& logits);

}  // namespace tarn::metrics
