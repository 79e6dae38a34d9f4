package org.tarn;

/** What a tensor's elements are: TensorFlow's DataType. */
public enum DType {
  FLOAT(1, 4, "float"),
  DOUBLE(2, 8, "double"),
  INT32(3, 4, "int32"),
  UINT8(4, 1, "uint8"),
  INT16(5, 2, "int16"),
  INT8(6, 1, "int8"),
  STRING(7, 0, "string"),
  COMPLEX64(8, 8, "complex64"),
  INT64(9, 8, "int64"),
  BOOL(10, 1, "bool"),
  QINT8(11, 1, "qint8"),
  QUINT8(12, 1, "quint8"),
  QINT32(13, 4, "qint32"),
  BFLOAT16(14, 2, "bfloat16"),
  QINT16(15, 2, "qint16"),
  QUINT16(16, 2, "quint16"),
  UINT16(17, 2, "uint16"),
  COMPLEX128(18, 16, "complex128"),
  HALF(19, 2, "half"),
  UINT32(22, 4, "uint32"),
  UINT64(23, 8, "uint64"),
  /** One that this version has no name for. */
  UNKNOWN(0, 0, "unknown");

  private static final DType[] ALL = values();

  final int code;
  private final int byteSize;
  private final String text;

  DType(int code, int byteSize, String text) {
    this.code = code;
    this.byteSize = byteSize;
    this.text = text;
  }

  /** Bytes of one element; 0 for strings, which have no fixed size. */
  public int byteSize() {
    return byteSize;
  }

  @Override
  public String toString() {
    return text;
  }

  static DType of(int code) {
    for (DType type : ALL) {
      if (type.code == code) return type;
    }
    return UNKNOWN;
  }
}
