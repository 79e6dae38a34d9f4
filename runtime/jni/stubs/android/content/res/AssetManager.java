package android.content.res;

import java.io.IOException;
import java.io.InputStream;

/** What org.tarn uses of Android's class, for compiling where there is no Android: never packed, never loaded. */
public final class AssetManager {
  private AssetManager() {}

  public InputStream open(String name) throws IOException {
    throw new IOException(name);
  }

  public AssetFileDescriptor openFd(String name) throws IOException {
    throw new IOException(name);
  }
}
