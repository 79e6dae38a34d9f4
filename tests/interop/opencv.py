"""OpenCV's importer opens our optimized and weights8 files whose input is the image, and gives what Tarn gives.

It has no way for a 2-D input that becomes an image, so these were made with --input_names=image.
"""

import cv2
import numpy as np

from _tarn import MODELS, SCORE_TOLERANCE, Report, run_graph, test_digits

report = Report()
images, note = test_digits()
images = images.reshape(-1, 28, 28, 1)
print(f"{len(images)} test digits: {note}; OpenCV {cv2.__version__}")
cv2.setNumThreads(1)
for model in ("keras_cnn", "experts"):
    for form in ("image_optimized", "image_weights8"):
        path = MODELS / model / f"{form}.pb"
        net = cv2.dnn.readNetFromTensorflow(str(path))
        net.setInput(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))  # blobs are NCHW
        scores = net.forward()
        for executor in ("session", "engine"):
            [expected] = run_graph(path, {"image": images}, ["output_node"], executor, threads=1)
            report.close(f"{model} {form}, {executor}", scores, expected, SCORE_TOLERANCE)
        report.check(f"{model} {form} tells digits apart", len(set(scores.argmax(axis=1))) > 1)
report.finish()
