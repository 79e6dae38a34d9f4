package android.os;

/** As AssetManager here: for compiling only. */
public class ParcelFileDescriptor {
  public int getFd() {
    return -1;
  }
}
