package org.tarn;

/**
 * What went wrong, in words that name the model, the input or output, both values that disagree and the nearest right
 * name. Unchecked, as TensorFlow's are: an app that catches RuntimeException around TensorFlow's calls goes on doing
 * so.
 */
public class TarnException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** TensorFlow's error codes. */
  public enum Code {
    CANCELLED(1),
    UNKNOWN(2),
    INVALID_ARGUMENT(3),
    DEADLINE_EXCEEDED(4),
    NOT_FOUND(5),
    PERMISSION_DENIED(7),
    RESOURCE_EXHAUSTED(8),
    FAILED_PRECONDITION(9),
    OUT_OF_RANGE(11),
    UNIMPLEMENTED(12),
    INTERNAL(13),
    DATA_LOSS(15);

    private final int number;

    Code(int number) {
      this.number = number;
    }

    static Code of(int number) {
      for (Code code : values()) {
        if (code.number == number) return code;
      }
      return UNKNOWN;
    }
  }

  private final Code code;

  TarnException(Code code, String message) {
    super(message);
    this.code = code;
  }

  TarnException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
