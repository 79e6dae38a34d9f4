"""Goldens of ops with sound, pictures, strings and lists."""

import numpy as np
import tensorflow as tf

from golden import family

F32, F64, I32, I64, U8, U16 = np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint16


def i32(*values):
    return np.array(values, I32)


def i64(*values):
    return np.array(values, I64)


def strings(*values):
    return np.array(values, object)


def wav(samples, channels=1, rate=16000, format_size=16, before=b"", between=b"", after=b""):
    data = np.asarray(samples, "<i2").tobytes()
    head = np.array([1, channels], "<u2").tobytes() + np.array([rate, rate * 2 * channels], "<u4").tobytes()
    head += np.array([2 * channels, 16], "<u2").tobytes() + b"\0" * (format_size - 16)
    body = b"WAVE" + before + b"fmt " + np.uint32(format_size).tobytes() + head + between
    body += b"data" + np.uint32(len(data)).tobytes() + data + after
    return b"RIFF" + np.uint32(len(body)).tobytes() + body


@family("audio")
def decode_wav(g):
    tones = [1, 32767, -32768, -1, 0, 256]
    g.add("DecodeWav", wav(tones))
    g.add("DecodeWav", wav(tones, channels=2, rate=44100))
    g.add("DecodeWav", wav(tones, format_size=18), desired_samples=4)
    g.add("DecodeWav", wav(tones, channels=2), desired_channels=3, desired_samples=5)
    g.add("DecodeWav", wav(tones, channels=3), desired_channels=1)
    g.add("DecodeWav", wav(tones, between=b"LIST\x03\0\0\0abc", after=b"cut \xff\0\0\0ab"), note="other chunks")
    g.add("DecodeWav", wav(tones, before=b"JUNK\x02\0\0\0abbext\x01\0\0\0c"), note="chunks before the format")
    g.add("DecodeWav", wav([]))


@family("audio")
def spectrogram(g):
    for samples, channels, window, stride in [(40, 1, 8, 4), (40, 2, 7, 5), (9, 3, 2, 1), (5, 1, 8, 1), (70, 1, 33, 16)]:
        for squared in (False, True):
            g.add("AudioSpectrogram", g.floats([samples, channels], -1, 1), window_size=window, stride=stride,
                  magnitude_squared=squared, terms=window)


@family("audio")
def mfcc(g):
    power = g.compute("AudioSpectrogram", g.floats([600, 2], -1, 1), window_size=256, stride=128, magnitude_squared=True)[0]
    rate = np.array(16000, I32)
    g.add("Mfcc", power, rate, terms=200)
    g.add("Mfcc", power, rate, filterbank_channel_count=8, dct_coefficient_count=8, upper_frequency_limit=8000.0, terms=200)
    g.add("Mfcc", power, rate, filterbank_channel_count=10, dct_coefficient_count=3, lower_frequency_limit=300.0, terms=200)
    g.add("Mfcc", power, np.array(7000, I32), note="above half the rate: zeros")
    g.add("Mfcc", np.zeros([1, 2, 17], F32), rate, terms=50, note="silence")


@family("images")
def crop_and_resize(g):
    for dtype in (F32, U8, I32, F64):
        image = g.numbers([2, 4, 5, 2], dtype)
        boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [1, 1, 0, 0], [-0.5, 0.3, 1.5, 0.6]], F32)
        which = i32(0, 1, 1, 0)
        g.add("CropAndResize", image, boxes, which, i32(3, 4), terms=4)
        g.add("CropAndResize", image, boxes, which, i32(1, 2), extrapolation_value=7.5, terms=4)
        g.add("CropAndResize", image, boxes, which, i32(6, 3), method="nearest")
    g.add("CropAndResize", g.floats([1, 2, 2, 1]), np.zeros([0, 4], F32), np.zeros([0], I32), i32(2, 2))


def boxes_and_scores(g, count):
    corners = g.floats([count, 2], 0, 1)
    boxes = np.concatenate([corners, corners + g.floats([count, 2], 0.1, 0.6)], 1).astype(F32)
    return boxes, g.floats([count], 0, 1)


@family("images")
def non_max_suppression(g):
    boxes, scores = boxes_and_scores(g, 12)
    boxes[3], scores[5] = boxes[3][[2, 3, 0, 1]], scores[4]
    boxes[7] = boxes[7][[0, 1, 0, 1]]  # without an area
    some, threshold, least = np.array(6, I32), np.array(0.3, F32), np.array(0.25, F32)
    for most in (6, 0, 30):
        g.add("NonMaxSuppression", boxes, scores, np.array(most, I32), iou_threshold=0.4)
        g.add("NonMaxSuppressionV2", boxes, scores, np.array(most, I32), threshold)
        g.add("NonMaxSuppressionV3", boxes, scores, np.array(most, I32), threshold, least)
        for pad in (False, True):
            g.add("NonMaxSuppressionV4", boxes, scores, np.array(most, I32), threshold, least, pad_to_max_output_size=pad)
        overlaps = np.abs(g.floats([12, 12], 0, 1))
        g.add("NonMaxSuppressionWithOverlaps", overlaps, scores, np.array(most, I32), threshold, least)
    for sigma in (0.0, 0.3, 1.0):
        g.add("NonMaxSuppressionV5", boxes, scores, some, threshold, least, np.array(sigma, F32), terms=4)
    g.add("NonMaxSuppressionV5", boxes, scores, np.array(20, I32), threshold, least, np.array(0.5, F32),
          pad_to_max_output_size=True, terms=4)


@family("images")
def resizing(g):
    for dtype in (F32, U8, I32, F64):
        for shape, size in [([2, 3, 4, 2], (7, 5)), ([1, 8, 6, 3], (3, 4)), ([1, 4, 5, 1], (1, 1)), ([1, 3, 3, 1], (3, 3))]:
            images = g.numbers(shape, dtype)
            for corners in (False, True):
                if not (corners and 1 in size):  # divides by the area, which is none
                    g.add("ResizeArea", images, i32(*size), align_corners=corners, terms=20)
                g.add("ResizeBicubic", images, i32(*size), align_corners=corners, terms=16)
            g.add("ResizeBicubic", images, i32(*size), half_pixel_centers=True, terms=16)


@family("images")
def patches(g):
    for dtype in (F32, U8, I64):
        images = g.numbers([2, 5, 6, 2], dtype)
        for padding in ("SAME", "VALID"):
            g.add("ExtractImagePatches", images, ksizes=[1, 2, 3, 1], strides=[1, 2, 1, 1], rates=[1, 1, 2, 1], padding=padding)
            g.add("ExtractImagePatches", images, ksizes=[1, 3, 3, 1], strides=[1, 5, 5, 1], rates=[1, 2, 1, 1], padding=padding)


@family("images")
def colors(g):
    for shape in ([2, 3, 3], [4, 2, 2, 3], [1, 1, 3]):
        images = g.floats(shape, 0, 1)
        for factor in (0.5, 2.0, -1.0):
            g.add("AdjustContrastv2", images, np.array(factor, F32), terms=16)
            g.add("AdjustSaturation", images, np.array(factor, F32), terms=4)
            g.add("AdjustHue", images, np.array(factor / 3, F32), terms=4)
        for dtype in (F32, F64):
            g.add("RGBToHSV", images.astype(dtype), terms=4)
            g.add("HSVToRGB", images.astype(dtype), terms=4)
    gray = np.full([2, 2, 3], 0.25, F32)
    for op, delta in [("AdjustHue", 0.3), ("AdjustSaturation", 2.0)]:
        g.add(op, gray, np.array(delta, F32), terms=4, note="gray")
    g.add("RGBToHSV", gray, terms=4, note="gray")
    g.add("AdjustContrastv2", g.floats([2, 3, 4, 1], 0, 1), np.array(1.5, F32), terms=16)


@family("images")
def bounding_boxes(g):
    boxes = np.array([[[0, 0, 1, 1], [0.2, 0.3, 0.7, 0.9], [0.9, 0.1, 0.2, 0.2]], [[-1, -1, 2, 2], [0.5, -3, 0.6, 9], [2, 2, 3, 3]]], F32)
    for depth in (1, 3, 4):
        images = g.floats([2, 6, 7, depth], 0, 1)
        g.add("DrawBoundingBoxes", images, boxes)
        g.add("DrawBoundingBoxesV2", images, boxes, np.zeros([0, 4], F32))
        g.add("DrawBoundingBoxesV2", images, boxes, g.floats([2, 4], 0, 1))


@family("lists")
def stitch(g):
    for op in ("DynamicStitch", "ParallelDynamicStitch"):
        for dtype in (F32, I32, U8):
            g.add(op, [i32(4, 0), i32(1, 3, 2)], [g.numbers([2, 3], dtype), g.numbers([3, 3], dtype)])
        g.add(op, [np.array(1, I32), np.array([[0, 2]], I32)], [g.floats([2]), g.floats([1, 2, 2])])
    g.add("DynamicStitch", [i32(0, 1), i32(1)], [g.floats([2]), g.floats([1])], note="named twice")
    g.add("DynamicStitch", [i32(1, 0)], [strings(b"b", b"a")])
    for dtype in (F32, I64):
        g.add("DynamicPartition", g.numbers([5, 2], dtype), i32(0, 2, 0, 1, 2), num_partitions=4)
    g.add("DynamicPartition", g.floats([2, 2]), np.array([[1, 0], [1, 1]], I32), num_partitions=2)
    g.add("DynamicPartition", strings(b"x", b"y"), i32(0, 0), num_partitions=1)


@family("lists")
def unique(g):
    for dtype in (I32, I64, F32, U8):
        values = np.array([3, 1, 3, 2, 1, 9], dtype)
        for op in ("Unique", "UniqueWithCounts"):
            g.add(op, values)
            g.add(op, values, out_idx=I64)
        g.add("ListDiff", values, np.array([1, 7], dtype))
    g.add("Unique", np.zeros([0], I32))
    g.add("UniqueWithCounts", strings(b"a", b"", b"a", b"b\0"))
    g.add("ListDiff", strings(b"a", b"b", b"a"), strings(b"b"), out_idx=I64)
    rows = np.array([[1, 2], [3, 4], [1, 2]], I32)
    for op in ("UniqueV2", "UniqueWithCountsV2"):
        g.add(op, rows, i64(0))
        g.add(op, rows, i32(1))
        g.add(op, i32(5, 4, 5), i64())


@family("lists")
def sparse(g):
    for dtype in (F32, I32):
        g.add("SparseToDense", i64(1, 3), i64(5), g.numbers([2], dtype), np.array(9, dtype))
        g.add("SparseToDense", np.array([[0, 1], [2, 0]], I32), i32(3, 2), g.numbers([2], dtype), np.array(0, dtype))
        g.add("SparseToDense", np.array(2, I64), i64(4), np.array(1, dtype), np.array(0, dtype))
    g.add("SparseToDense", np.array([[1, 1], [0, 0], [0, 1]], I64), i64(2, 2), np.array(7, F32), np.array(0, F32), validate_indices=False)
    g.add("SparseToDense", i64(0), i64(2), strings(b"a"), b"-")
    truth = (np.array([[0, 0], [1, 0], [1, 1], [2, 2]], I64), i64(1, 2, 3, 4), i64(4, 3))
    hypothesis = (np.array([[0, 0], [0, 1], [1, 0], [3, 0]], I64), i64(1, 5, 2, 4), i64(4, 2))
    for normalize in (False, True):
        g.add("EditDistance", *hypothesis, *truth, normalize=normalize, terms=1)
        g.add("EditDistance", *truth, *hypothesis, normalize=normalize, terms=1)
    g.add("EditDistance", np.array([[0, 0, 0], [0, 0, 1]], I64), strings(b"a", b"b"), i64(1, 1, 2),
          np.array([[0, 0, 0]], I64), strings(b"b"), i64(1, 1, 1))


@family("lists")
def sequences(g):
    for dtype in (F32, I32):
        g.add("ReverseSequence", g.numbers([3, 4, 2], dtype), i64(0, 2, 4), seq_dim=1)
        g.add("ReverseSequence", g.numbers([4, 3, 2], dtype), i32(1, 4, 3), seq_dim=0, batch_dim=1)
        g.add("ReverseSequence", g.numbers([2, 3, 4], dtype), i32(3, 2), seq_dim=2, batch_dim=0)
    g.add("ReverseSequence", np.array([[b"a", b"b", b"c"]], object), i64(2), seq_dim=1)


@family("lists")
def ctc(g):
    lengths = i32(5, 3, 0)
    for dtype in (F32, F64):
        logits = g.floats([5, 3, 4], -3, 3, dtype)
        for merge in (False, True):
            g.add("CTCGreedyDecoder", logits, lengths, merge_repeated=merge, terms=5)
            if dtype == F32:  # TensorFlow's of double is no better than float
                g.add("CTCBeamSearchDecoder", logits, i32(5, 3, 4), beam_width=8, top_paths=3, merge_repeated=merge, terms=20)
        g.add("CTCGreedyDecoder", logits, lengths, blank_index=0, terms=5)
        if dtype == F32:
            g.add("CTCBeamSearchDecoder", logits, i32(5, 4, 2), beam_width=3, top_paths=1, terms=20)


def example(**features):
    kinds = {bytes: ("bytes_list", tf.train.BytesList), float: ("float_list", tf.train.FloatList), int: ("int64_list", tf.train.Int64List)}
    made = {}
    for key, values in features.items():
        field, kind = kinds[type(values[0])]
        made[key] = tf.train.Feature(**{field: kind(value=values)})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString(deterministic=True)


@family("text")
def parse_example(g):
    one = example(x=[1.0, 2.0], n=[3], words=[b"a", b"bc"], ids=[7, 8, -1])
    two = example(x=[0.5, -2.0], words=[b""], other=[1])
    none = np.zeros([0], object)
    x, n = np.zeros([0], F32), np.array([-1], I64)
    for batch in (strings(one, two), strings(two), strings()):
        g.add("ParseExample", batch, none, [b"words", b"ids"], [b"x", b"n"], [x, n], sparse_types=[tf.string, tf.int64],
              dense_shapes=[[2], [1]])
        g.add("ParseExampleV2", batch, none, strings(b"words", b"ids"), strings(b"x", b"n"), none, [x, n], num_sparse=2,
              sparse_types=[tf.string, tf.int64], ragged_value_types=[], ragged_split_types=[], dense_shapes=[[2], [1]])
    g.add("ParseExample", strings(one, two), none, [], [b"ids", b"words"], [i64(-5), strings(b"none")], sparse_types=[],
          dense_shapes=[[None], [None]], note="of variable length")
    g.add("ParseExample", strings(one), strings(b"name"), [b"x"], [], [], sparse_types=[tf.float32], dense_shapes=[])
    g.add("ParseSingleExample", one, [x, n], sparse_keys=["words"], dense_keys=["x", "n"], sparse_types=[tf.string],
          num_sparse=1, dense_shapes=[[2], [1]])
    g.add("ParseSingleExample", two, [i64(5)], sparse_keys=[], dense_keys=["n"], sparse_types=[], num_sparse=0, dense_shapes=[[1]])
    g.add("ParseSingleExample", one, [], sparse_keys=["ids"], dense_keys=[], sparse_types=[tf.int64], num_sparse=1, dense_shapes=[])


@family("text")
def joining(g):
    g.add("StringJoin", [strings(b"a", b"b"), b"-", strings(b"1", b"2")])
    g.add("StringJoin", [b"x", b"y", b"z"], separator=", ")
    g.add("StringJoin", [np.array([[b"only\0"]], object)], separator="!")
    words = np.array([[b"a", b"b", b"c"], [b"d", b"e", b"f"]], object)
    g.add("ReduceJoin", words, np.array(0, I32))
    g.add("ReduceJoin", words, i32(1, 0), separator="+")
    g.add("ReduceJoin", words, i32(0, 1), keep_dims=True)
    g.add("ReduceJoin", words, i32(-1), separator=" ", keep_dims=True)
    g.add("ReduceJoin", words, i32())
    for shard, count in [(1, 3), (0, 1), (123456, 1000000)]:
        g.add("ShardedFilename", b"a/b", np.array(shard, I32), np.array(count, I32))
        g.add("ShardedFilespec", b"a/b", np.array(count, I32))


@family("text")
def splitting(g):
    lines = strings(b"a b  c", b"", b" x", b"one")
    for delimiter in (b" ", b" b", b""):
        for skip in (True, False):
            g.add("StringSplit", lines, delimiter, skip_empty=skip)
    for separator in (b" ", b"", b" b"):
        for most in (-1, 1):
            g.add("StringSplitV2", lines, separator, maxsplit=most)
    for unit in ("BYTE", "UTF8_CHAR"):
        text = strings("héllo".encode(), b"abc", b"")
        g.add("StringLength", text, unit=unit)
        g.add("StringLength", b"\xc3", unit=unit)
        g.add("Substr", text[:2], i32(1, 0), i32(2, 9), unit=unit)
        g.add("Substr", text[:2], np.array(-3, I64), np.array(2, I64), unit=unit)
        g.add("Substr", np.array([text[:2]] * 2), i32(0, 1), i32(1, 1), unit=unit)
    for op in ("StringStrip", "StringLower", "StringUpper"):
        g.add(op, strings(b" aB \n", b"", b"\tx y\xff"))
        g.add(op, b"Hello")
        g.add(op, np.zeros([0, 2], object))


@family("text")
def numbers(g):
    texts = strings(b"1", b" -2.5e3\n", b"1e400", b"-1e-400", b"inf", b"nan", b"0x10", b".5", b"1.", b"16777217", b"0.1", b"  ")
    for dtype in (F32, F64):
        g.add("StringToNumber", texts, out_type=dtype)
    for dtype in (I32, I64):
        g.add("StringToNumber", strings(b"0", b" -17 ", b"00012", b"2147483647"), out_type=dtype)
    floats = np.array([1.5, -0.0, 3.14159265, 1e20, np.inf, np.nan], F32)
    for attrs in ({}, {"precision": 2}, {"scientific": True}, {"shortest": True}, {"width": 12, "fill": "0"}, {"precision": 3, "width": 9, "fill": "-"}):
        g.add("AsString", floats, **attrs)
        g.add("AsString", floats.astype(F64), **attrs)
    for dtype in (I32, I64, U8, np.int8, np.int16, U16):
        g.add("AsString", np.array([0, 1, 100], dtype))
        g.add("AsString", np.array([5], dtype), width=4, fill="0")
    g.add("AsString", np.array([True, False]))


@family("text")
def binary(g):
    data = bytes(range(16))
    for dtype in (U8, np.int16, I32, F32, F64, I64, U16, np.int8):
        g.add("DecodeRaw", strings(data, data[::-1]), out_type=dtype)
    g.add("DecodeRaw", data, out_type=I32, little_endian=False)
    g.add("DecodeRaw", np.zeros([2, 0], object), out_type=I32)
    texts = strings(b"", b"a", b"ab", b"abc", bytes([255, 254, 253, 0]))
    for pad in (False, True):
        encoded = g.compute("EncodeBase64", texts, pad=pad)[0]
        g.add("EncodeBase64", texts, pad=pad)
        g.add("DecodeBase64", encoded)
    g.add("EncodeBase64", b"one")
    g.add("DecodeBase64", b"_-8=")


@family("text")
def summaries(g):
    for dtype in (F32, F64, I32, U8):
        g.add("ScalarSummary", strings(b"loss", b"accuracy"), g.numbers([2], dtype))
    g.add("ScalarSummary", b"x", np.array(0, F32))
    for dtype in (F32, F64, I32):
        g.add("HistogramSummary", b"w", g.numbers([20], dtype))
    g.add("HistogramSummary", b"w", np.zeros([0], F32))
    one = g.compute("ScalarSummary", b"a", np.array(1, F32))[0][()]
    two = g.compute("ScalarSummary", strings(b"b", b"c"), np.array([2, 3], F32))[0][()]
    g.add("MergeSummary", [one, two])
    g.add("MergeSummary", [strings(one, two)])
    g.add("MergeSummary", [b""])


@family("text")
def regular_expressions(g):
    texts = strings(b"s3://a/b", b"", b"aaa", b"a-b-c", "héé".encode(), b"one two", b"AbC\n", b"x1y22")
    patterns = [b"s3://.*", b"a*", b"(a|b)+-.*", b"h.{2}", b"[[:alpha:]]+ \\w+", b"(?i)abc\\s", b"[^a-z]*", b"a{2,3}", b"^$", b"x\\dy\\d\\d"]
    for pattern in patterns:
        g.add("RegexFullMatch", texts, pattern)
        g.add("StaticRegexFullMatch", texts, pattern=pattern)
    for pattern, rewrite in [(b"-", b"+"), (b"(\\w)(\\w)", b"\\2\\1"), (b"a*", b"<\\0>"), (b"", b"."), (b"\\b", b"|"), (b"a+?", b"x"), (b"(x)|(y)", b"[\\1\\2]"), (b"\\\\", b"\\\\")]:
        for every in (True, False):
            g.add("RegexReplace", texts, pattern, rewrite, replace_global=every)
            g.add("StaticRegexReplace", texts, pattern=pattern, rewrite=rewrite, replace_global=every)


@family("text")
def csv(g):
    defaults = [np.array([1.5], F32), i64(-7), strings(b"none")]
    g.add("DecodeCSV", strings(b"1,2,three", b",,", b" 4.5 ,6,\"a \"\"quoted\"\" one, with a comma\""), defaults)
    g.add("DecodeCSV", strings(b"\r\n1;2;x"), defaults, field_delim=";")
    g.add("DecodeCSV", strings(b"1,NA,\"y", b"NA,3,z"), defaults, use_quote_delim=False, na_value="NA")
    g.add("DecodeCSV", b"a,b,1,c,2", [i32(), np.array(5.0, F32)], select_cols=[2, 4])


@family("text")
def substr_of_negative_length(g):
    text = strings(b"hello", "häé€o".encode())
    for position in (0, 1, 5):
        for length in (-1, -100):
            for unit in ("BYTE", "UTF8_CHAR"):
                g.add("Substr", text, i32(position, position), i32(length, length), unit=unit)
    g.add("Substr", text, i32(-3, -5), i32(-1, -2))


@family("text")
def regular_expressions_in_corners(g):
    broken = strings(b"\xff", b"a\xffb\xc3", b"a", b"\xc0\xafx", b"\xe2\x82", b"\xf4\x90\x80\x80", "é€".encode())
    for pattern in (b".*", b"(?s).*", b"[^a]*", b"\\D+", b"[^\\s]*a?"):
        g.add("RegexFullMatch", broken, pattern)
        g.add("RegexReplace", broken, pattern, b"<\\0>")
    for pattern, rewrite in [(b".", b"x"), (b"[^a]", b"x"), (b"q*", b"-")]:
        g.add("RegexReplace", broken, pattern, rewrite)
    texts = strings(b"a", b"aa", b"", b"x", b"a.b", b"A", b"1", b"xy", b"ab", b"\x07", b"\n", b"aaaaaa", b"a.bb", b"-", b"x{2", b"\x01a")
    for pattern in (b"a??", b"\\Qa.b\\E", b"\\Qa.b\\E+", b"\\Qa.b", b"\\Q\\E", b"\\07", b"\\012", b"\\101", b"\\01a", b"[[:ascii:]]", b"[^[:ascii:]]",
                    b"a{,3}", b"x{2", b"|", b"a||x", b"()", b"a|b|x|aa|.y", b"(?)a", b"(?s-i:.)", b"^*", b"\\b*a", b"(a*)+", b"(?:a*)*", b"a{0}",
                    b"[\\d-z]", b"[]a]", b"[^]a]", b"[[.a.]]", b"(?P<n>x)(?P<m>y)", b"(?i)[^a]", b"(?i)[[:^upper:]]", b"(?i)[[:lower:]]+",
                    b"(?i)[^[:upper:]]", b"(?i)x|[Z-b]", b"(?i)\\x61", b"a{2,}?", b"(?U)a+", b"(?i:a)a"):
        g.add("RegexFullMatch", texts, pattern)
        g.add("RegexReplace", texts, pattern, b"<\\0>")


@family("images")
def suppression_of_boxes_that_are_no_numbers(g):
    nan, most = float("nan"), np.array(5, I32)
    for rows in ([[0, 0, 1, 1], [0, nan, 1, 1], [2, 2, 3, 3]], [[0, nan, 1, 1], [0, 0, 1, 1], [0, nan, 1, 1], [2, 2, 3, 3]]):
        boxes, scores = np.array(rows, F32), np.linspace(0.9, 0.3, len(rows)).astype(F32)
        for overlap in (0.5, 1.0):
            threshold = np.array(overlap, F32)
            g.add("NonMaxSuppressionV2", boxes, scores, most, threshold)
            for least in (-1.0, 0.0):
                least = np.array(least, F32)
                g.add("NonMaxSuppressionV3", boxes, scores, most, threshold, least)
                for sigma in (0.0, 0.5):
                    g.add("NonMaxSuppressionV5", boxes, scores, most, threshold, least, np.array(sigma, F32))
    overlaps = np.array([[1, nan, 0], [nan, 1, 0], [0, 0, 1]], F32)
    g.add("NonMaxSuppressionWithOverlaps", overlaps, np.array([0.9, 0.8, 0.7], F32), most, np.array(0.5, F32), np.array(0, F32))


@family("lists")
def ctc_full_beams(g):
    """Seven steps of five classes: sequences are pushed out of the beam and come in again within a step."""
    for width, paths, merge in ((2, 2, False), (8, 2, True), (8, 2, False), (100, 1, False)):
        logits = g.floats([7, 2, 5], -6, 6, F32)
        g.add("CTCBeamSearchDecoder", logits, i32(7, 5), beam_width=width, top_paths=paths, merge_repeated=merge, terms=40)
