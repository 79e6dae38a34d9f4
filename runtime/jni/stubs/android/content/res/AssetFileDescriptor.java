package android.content.res;

import android.os.ParcelFileDescriptor;
import java.io.IOException;

/** As AssetManager here: for compiling only. */
public class AssetFileDescriptor {
  public ParcelFileDescriptor getParcelFileDescriptor() {
    return null;
  }

  public long getStartOffset() {
    return 0;
  }

  public long getLength() {
    return 0;
  }

  public void close() throws IOException {}
}
