package org.tarn;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Streams into direct buffers. */
final class Streams {
  private Streams() {}

  static ByteBuffer readDirect(InputStream stream) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect(Math.max(stream.available(), 1 << 14));
    byte[] part = new byte[1 << 14];
    for (int count = stream.read(part); count >= 0; count = stream.read(part)) {
      if (count > bytes.remaining()) {
        long larger = Math.min(Integer.MAX_VALUE, 2L * bytes.capacity() + count);
        if (bytes.position() + (long) count > larger) throw new EOFException("a model of 2 GiB or more in a stream");
        ByteBuffer grown = ByteBuffer.allocateDirect((int) larger);
        bytes.flip();
        grown.put(bytes);
        bytes = grown;
      }
      bytes.put(part, 0, count);
    }
    bytes.flip();
    return bytes;
  }
}
