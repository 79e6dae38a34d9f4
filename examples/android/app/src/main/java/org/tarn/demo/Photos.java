package org.tarn.demo;

import android.content.Context;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.ImageDecoder;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import android.os.Build;
import android.provider.MediaStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Photographs from the system's picker: no permission is asked for. */
final class Photos {
  private static final int LEAST_SIDE = 512; // enough for any classifier, little enough for any device

  private Photos() {}

  static Intent pickIntent() {
    if (Build.VERSION.SDK_INT >= 33) return new Intent(MediaStore.ACTION_PICK_IMAGES).setType("image/*");
    return new Intent(Intent.ACTION_GET_CONTENT).setType("image/*").addCategory(Intent.CATEGORY_OPENABLE);
  }

  /** Decoded upright, and no larger than makes sense. */
  static Bitmap load(Context context, Uri uri) throws IOException {
    byte[] bytes = read(context, uri); // providers give streams that may be read once
    if (Build.VERSION.SDK_INT >= 28) {
      return ImageDecoder.decodeBitmap(ImageDecoder.createSource(ByteBuffer.wrap(bytes)), (decoder, info, source) -> {
        decoder.setAllocator(ImageDecoder.ALLOCATOR_SOFTWARE); // getPixels() reads it
        decoder.setTargetSampleSize(sampleSize(info.getSize().getWidth(), info.getSize().getHeight()));
      });
    }
    BitmapFactory.Options options = new BitmapFactory.Options();
    options.inJustDecodeBounds = true;
    BitmapFactory.decodeByteArray(bytes, 0, bytes.length, options);
    options.inSampleSize = sampleSize(options.outWidth, options.outHeight);
    options.inJustDecodeBounds = false;
    Bitmap bitmap = BitmapFactory.decodeByteArray(bytes, 0, bytes.length, options);
    if (bitmap == null) throw new IOException("not a picture: " + uri);
    return upright(bytes, bitmap);
  }

  static int sampleSize(int width, int height) {
    int size = 1;
    while (Math.min(width, height) / (2 * size) >= LEAST_SIDE) size *= 2;
    return size;
  }

  private static byte[] read(Context context, Uri uri) throws IOException {
    try (InputStream stream = context.getContentResolver().openInputStream(uri)) {
      if (stream == null) throw new FileNotFoundException(uri.toString());
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      byte[] part = new byte[1 << 16];
      for (int count = stream.read(part); count >= 0; count = stream.read(part)) bytes.write(part, 0, count);
      return bytes.toByteArray();
    }
  }

  // ImageDecoder turns by itself what a camera took lying; before it, EXIF has to be asked.
  private static Bitmap upright(byte[] bytes, Bitmap bitmap) throws IOException {
    if (Build.VERSION.SDK_INT < 24) return bitmap;
    int degrees;
    switch (new ExifInterface(new ByteArrayInputStream(bytes)).getAttributeInt(ExifInterface.TAG_ORIENTATION, 0)) {
      case ExifInterface.ORIENTATION_ROTATE_90:
        degrees = 90;
        break;
      case ExifInterface.ORIENTATION_ROTATE_180:
        degrees = 180;
        break;
      case ExifInterface.ORIENTATION_ROTATE_270:
        degrees = 270;
        break;
      default:
        return bitmap;
    }
    Matrix turn = new Matrix();
    turn.setRotate(degrees);
    return Bitmap.createBitmap(bitmap, 0, 0, bitmap.getWidth(), bitmap.getHeight(), turn, true);
  }
}
