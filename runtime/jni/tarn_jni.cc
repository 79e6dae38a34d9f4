// org.tarn.Native: runtime/c_api.h for Java. One function each, no logic but the crossing: text is UTF-8 in byte
// arrays, handles are longs, memory is that of direct buffers. Which handles and memory live is Java's side to know
// (Engine.java) and the C API's to check.
#include <jni.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/c_api.h"

namespace {

constexpr int kMostDims = 64;  // more than the library takes, which says so

template <typename T>
T* from_handle(jlong handle) {
  return reinterpret_cast<T*>(static_cast<intptr_t>(handle));
}

template <typename T>
jlong to_handle(T* pointer) {
  return static_cast<jlong>(reinterpret_cast<intptr_t>(pointer));
}

jbyteArray to_bytes(JNIEnv* env, const char* text, size_t length) {
  if (text == nullptr || length > INT32_MAX) return nullptr;
  jbyteArray bytes = env->NewByteArray(static_cast<jsize>(length));
  if (bytes != nullptr) {  // else an OutOfMemoryError waits
    env->SetByteArrayRegion(bytes, 0, static_cast<jsize>(length), reinterpret_cast<const jbyte*>(text));
  }
  return bytes;
}

jbyteArray to_bytes(JNIEnv* env, const char* text) {
  return to_bytes(env, text, text == nullptr ? 0 : std::strlen(text));
}

// A C string from UTF-8; null stays null.
class Text {
 public:
  Text(JNIEnv* env, jbyteArray bytes) : is_null_(bytes == nullptr) {
    if (is_null_) return;
    text_.resize(static_cast<size_t>(env->GetArrayLength(bytes)));
    env->GetByteArrayRegion(bytes, 0, static_cast<jsize>(text_.size()), reinterpret_cast<jbyte*>(text_.data()));
  }
  const char* c_str() const { return is_null_ ? nullptr : text_.c_str(); }

 private:
  bool is_null_;
  std::string text_;
};

class Dims {
 public:
  Dims(JNIEnv* env, jlongArray dims) : values_(static_cast<size_t>(env->GetArrayLength(dims))) {
    static_assert(sizeof(jlong) == sizeof(int64_t));
    env->GetLongArrayRegion(dims, 0, rank(), reinterpret_cast<jlong*>(values_.data()));
  }
  const int64_t* data() const { return values_.data(); }
  int rank() const { return static_cast<int>(values_.size()); }

 private:
  std::vector<int64_t> values_;
};

char* memory_of(JNIEnv* env, jobject direct, jlong offset) {
  if (direct == nullptr) return nullptr;
  auto* begin = static_cast<char*>(env->GetDirectBufferAddress(direct));
  return begin == nullptr ? nullptr : begin + offset;
}

jlongArray to_shape(JNIEnv* env, int rank, const int64_t* dims) {
  if (rank < 0 || rank > kMostDims) return nullptr;
  jlongArray shape = env->NewLongArray(rank);
  if (shape != nullptr) env->SetLongArrayRegion(shape, 0, rank, reinterpret_cast<const jlong*>(dims));
  return shape;
}

// ---- models

jlong model_load(JNIEnv* env, jclass, jbyteArray path) {
  return to_handle(tarn_model_load(Text(env, path).c_str()));
}
jlong model_load_fd(JNIEnv*, jclass, jint fd, jlong offset, jlong length) {
  return to_handle(tarn_model_load_fd(fd, offset, length));
}
jlong model_load_memory(JNIEnv* env, jclass, jobject direct, jlong offset, jlong size) {
  return to_handle(tarn_model_load_memory(memory_of(env, direct, offset), static_cast<size_t>(size)));
}
void model_free(JNIEnv*, jclass, jlong model) {
  tarn_model_free(from_handle<tarn_model>(model));
}
jint model_producer(JNIEnv*, jclass, jlong model) {
  return tarn_model_producer(from_handle<tarn_model>(model));
}
jlong model_bytes(JNIEnv*, jclass, jlong model) {
  return tarn_model_bytes(from_handle<tarn_model>(model));
}
jint model_node_count(JNIEnv*, jclass, jlong model) {
  return tarn_model_node_count(from_handle<tarn_model>(model));
}
jint model_find_node(JNIEnv* env, jclass, jlong model, jbyteArray name) {
  return tarn_model_find_node(from_handle<tarn_model>(model), Text(env, name).c_str());
}
jbyteArray model_node_name(JNIEnv* env, jclass, jlong model, jint node) {
  return to_bytes(env, tarn_model_node_name(from_handle<tarn_model>(model), node));
}
jbyteArray model_node_op(JNIEnv* env, jclass, jlong model, jint node) {
  return to_bytes(env, tarn_model_node_op(from_handle<tarn_model>(model), node));
}
jint model_metadata_count(JNIEnv*, jclass, jlong model) {
  return tarn_model_metadata_count(from_handle<tarn_model>(model));
}
jbyteArray model_metadata_key(JNIEnv* env, jclass, jlong model, jint index) {
  return to_bytes(env, tarn_model_metadata_key(from_handle<tarn_model>(model), index));
}
jbyteArray model_metadata(JNIEnv* env, jclass, jlong model, jbyteArray key) {
  return to_bytes(env, tarn_model_metadata(from_handle<tarn_model>(model), Text(env, key).c_str()));
}

// ---- engines

jlong engine_new(JNIEnv* env, jclass, jlong model, jint threads, jbyteArray inputs, jbyteArray outputs,
                 jlongArray limits) {
  Text input_names(env, inputs), output_names(env, outputs);
  jlong limit[5] = {};
  env->GetLongArrayRegion(limits, 0, 5, limit);
  tarn_options options = {};
  options.struct_size = sizeof options;
  options.threads = threads;
  options.input_names = input_names.c_str();
  options.output_names = output_names.c_str();
  options.most_nodes = limit[0];
  options.most_bytes = limit[1];
  options.most_value_bytes = limit[2];
  options.most_iterations = limit[3];
  options.deadline_ms = limit[4];
  return to_handle(tarn_engine_new(from_handle<tarn_model>(model), &options));
}
jlong engine_clone(JNIEnv*, jclass, jlong engine) {
  return to_handle(tarn_engine_clone(from_handle<tarn_engine>(engine)));
}
void engine_free(JNIEnv*, jclass, jlong engine) {
  tarn_engine_free(from_handle<tarn_engine>(engine));
}
jint input_count(JNIEnv*, jclass, jlong engine) {
  return tarn_input_count(from_handle<tarn_engine>(engine));
}
jint output_count(JNIEnv*, jclass, jlong engine) {
  return tarn_output_count(from_handle<tarn_engine>(engine));
}
jbyteArray input_name(JNIEnv* env, jclass, jlong engine, jint index) {
  return to_bytes(env, tarn_input_name(from_handle<tarn_engine>(engine), index));
}
jbyteArray output_name(JNIEnv* env, jclass, jlong engine, jint index) {
  return to_bytes(env, tarn_output_name(from_handle<tarn_engine>(engine), index));
}
jint find_input(JNIEnv* env, jclass, jlong engine, jbyteArray name) {
  return tarn_find_input(from_handle<tarn_engine>(engine), Text(env, name).c_str());
}
jint find_output(JNIEnv* env, jclass, jlong engine, jbyteArray name) {
  return tarn_find_output(from_handle<tarn_engine>(engine), Text(env, name).c_str());
}
jint input_dtype(JNIEnv*, jclass, jlong engine, jint index) {
  return tarn_input_dtype(from_handle<tarn_engine>(engine), index);
}
jint output_dtype(JNIEnv*, jclass, jlong engine, jint index) {
  return tarn_output_dtype(from_handle<tarn_engine>(engine), index);
}
jlongArray input_shape(JNIEnv* env, jclass, jlong engine, jint index) {
  int64_t dims[kMostDims];
  return to_shape(env, tarn_input_shape(from_handle<tarn_engine>(engine), index, dims, kMostDims), dims);
}
jlongArray output_shape(JNIEnv* env, jclass, jlong engine, jint index) {
  int64_t dims[kMostDims];
  return to_shape(env, tarn_output_shape(from_handle<tarn_engine>(engine), index, dims, kMostDims), dims);
}

jint set_input(JNIEnv* env, jclass, jlong engine, jint index, jint dtype, jlongArray dims, jobject direct, jlong offset,
               jlong bytes) {
  Dims shape(env, dims);
  return tarn_set_input_at(from_handle<tarn_engine>(engine), index, dtype, shape.data(), shape.rank(),
                           memory_of(env, direct, offset), static_cast<size_t>(bytes));
}

jint set_input_strings(JNIEnv* env, jclass, jlong engine, jint index, jlongArray dims, jobjectArray strings) {
  Dims shape(env, dims);
  jsize count = env->GetArrayLength(strings);
  std::vector<std::string> held(static_cast<size_t>(count));
  std::vector<const char*> texts;
  std::vector<size_t> lengths;
  for (jsize i = 0; i < count; ++i) {
    auto bytes = static_cast<jbyteArray>(env->GetObjectArrayElement(strings, i));
    std::string& text = held[static_cast<size_t>(i)];
    if (bytes != nullptr) {
      text.resize(static_cast<size_t>(env->GetArrayLength(bytes)));
      env->GetByteArrayRegion(bytes, 0, static_cast<jsize>(text.size()), reinterpret_cast<jbyte*>(text.data()));
      env->DeleteLocalRef(bytes);
    }
    texts.push_back(text.data());
    lengths.push_back(text.size());
  }
  return tarn_set_input_strings(from_handle<tarn_engine>(engine), index, shape.data(), shape.rank(), texts.data(),
                                lengths.data());
}

jint set_output_buffer(JNIEnv* env, jclass, jlong engine, jint index, jobject direct, jlong offset, jlong bytes) {
  return tarn_set_output_buffer(from_handle<tarn_engine>(engine), index, memory_of(env, direct, offset),
                                static_cast<size_t>(bytes));
}

jint prepare(JNIEnv*, jclass, jlong engine) {
  return tarn_prepare(from_handle<tarn_engine>(engine));
}
jint run(JNIEnv*, jclass, jlong engine) {
  return tarn_run(from_handle<tarn_engine>(engine));
}
jint cancel(JNIEnv*, jclass, jlong engine) {
  return tarn_cancel(from_handle<tarn_engine>(engine));
}
jint set_deadline(JNIEnv*, jclass, jlong engine, jlong milliseconds) {
  return tarn_set_deadline(from_handle<tarn_engine>(engine), milliseconds);
}
jint set_threads(JNIEnv*, jclass, jlong engine, jint count) {
  return tarn_set_threads(from_handle<tarn_engine>(engine), count);
}
jint threads(JNIEnv*, jclass, jlong engine) {
  return tarn_threads(from_handle<tarn_engine>(engine));
}
jint self_test(JNIEnv*, jclass, jlong engine) {
  return tarn_self_test(from_handle<tarn_engine>(engine));
}
jlong memory_bytes(JNIEnv*, jclass, jlong engine) {
  return tarn_memory_bytes(from_handle<tarn_engine>(engine));
}

// An output of no elements has bytes, but perhaps no memory: its shape tells it from an error.
jlong output_bytes(JNIEnv*, jclass, jlong engine, jint index) {
  size_t bytes = 0;
  if (tarn_output_data(from_handle<tarn_engine>(engine), index, &bytes) != nullptr) return static_cast<jlong>(bytes);
  int64_t dims[kMostDims];
  int rank = tarn_output_shape(from_handle<tarn_engine>(engine), index, dims, kMostDims);
  for (int d = 0; d < rank && d < kMostDims; ++d) {
    if (dims[d] == 0) return 0;
  }
  return -1;
}

jint copy_output(JNIEnv* env, jclass, jlong engine, jint index, jobject direct, jlong offset, jlong room) {
  size_t bytes = 0;
  const void* data = tarn_output_data(from_handle<tarn_engine>(engine), index, &bytes);
  if (data == nullptr) return room == 0 ? TARN_OK : TARN_FAILED_PRECONDITION;
  char* to = memory_of(env, direct, offset);
  if (to == nullptr || bytes > static_cast<size_t>(room)) return TARN_INVALID_ARGUMENT;
  std::memcpy(to, data, bytes);
  return TARN_OK;
}

jbyteArray output_string(JNIEnv* env, jclass, jlong engine, jint index, jlong element) {
  size_t length = 0;
  const char* text = tarn_output_string(from_handle<tarn_engine>(engine), index, element, &length);
  return to_bytes(env, text, length);
}

jint profile_start(JNIEnv*, jclass, jlong engine) {
  return tarn_profile_start(from_handle<tarn_engine>(engine));
}
jint profile_stop(JNIEnv*, jclass, jlong engine) {
  return tarn_profile_stop(from_handle<tarn_engine>(engine));
}
jbyteArray profile_text(JNIEnv* env, jclass, jlong engine) {
  return to_bytes(env, tarn_profile_text(from_handle<tarn_engine>(engine)));
}

jlong address(JNIEnv* env, jclass, jobject direct) {
  return static_cast<jlong>(reinterpret_cast<intptr_t>(env->GetDirectBufferAddress(direct)));
}
jbyteArray version(JNIEnv* env, jclass) {
  return to_bytes(env, tarn_version());
}
jbyteArray last_error(JNIEnv* env, jclass) {
  return to_bytes(env, tarn_last_error());
}
jint last_code(JNIEnv*, jclass) {
  return tarn_last_code();
}

struct Function {
  const char* name;
  const char* signature;
  void* function;
};

template <typename F>
constexpr Function function(const char* name, const char* signature, F* f) {
  return {name, signature, reinterpret_cast<void*>(f)};
}

bool add_functions(JNIEnv* env, jclass native) {
  const Function functions[] = {
      function("modelLoad", "([B)J", model_load),
      function("modelLoadFd", "(IJJ)J", model_load_fd),
      function("modelLoadMemory", "(Ljava/nio/ByteBuffer;JJ)J", model_load_memory),
      function("modelFree", "(J)V", model_free),
      function("modelProducer", "(J)I", model_producer),
      function("modelBytes", "(J)J", model_bytes),
      function("modelNodeCount", "(J)I", model_node_count),
      function("modelFindNode", "(J[B)I", model_find_node),
      function("modelNodeName", "(JI)[B", model_node_name),
      function("modelNodeOp", "(JI)[B", model_node_op),
      function("modelMetadataCount", "(J)I", model_metadata_count),
      function("modelMetadataKey", "(JI)[B", model_metadata_key),
      function("modelMetadata", "(J[B)[B", model_metadata),
      function("engineNew", "(JI[B[B[J)J", engine_new),
      function("engineClone", "(J)J", engine_clone),
      function("engineFree", "(J)V", engine_free),
      function("inputCount", "(J)I", input_count),
      function("outputCount", "(J)I", output_count),
      function("inputName", "(JI)[B", input_name),
      function("outputName", "(JI)[B", output_name),
      function("findInput", "(J[B)I", find_input),
      function("findOutput", "(J[B)I", find_output),
      function("inputDtype", "(JI)I", input_dtype),
      function("outputDtype", "(JI)I", output_dtype),
      function("inputShape", "(JI)[J", input_shape),
      function("outputShape", "(JI)[J", output_shape),
      function("setInput", "(JII[JLjava/nio/Buffer;JJ)I", set_input),
      function("setInputStrings", "(JI[J[[B)I", set_input_strings),
      function("setOutputBuffer", "(JILjava/nio/Buffer;JJ)I", set_output_buffer),
      function("prepare", "(J)I", prepare),
      function("run", "(J)I", run),
      function("cancel", "(J)I", cancel),
      function("setDeadline", "(JJ)I", set_deadline),
      function("setThreads", "(JI)I", set_threads),
      function("threads", "(J)I", threads),
      function("selfTest", "(J)I", self_test),
      function("memoryBytes", "(J)J", memory_bytes),
      function("outputBytes", "(JI)J", output_bytes),
      function("copyOutput", "(JILjava/nio/ByteBuffer;JJ)I", copy_output),
      function("outputString", "(JIJ)[B", output_string),
      function("profileStart", "(J)I", profile_start),
      function("profileStop", "(J)I", profile_stop),
      function("profileText", "(J)[B", profile_text),
      function("address", "(Ljava/nio/Buffer;)J", address),
      function("version", "()[B", version),
      function("lastError", "()[B", last_error),
      function("lastCode", "()I", last_code),
  };
  std::vector<JNINativeMethod> methods;
  for (const Function& f : functions) {
    // jni.h of the JDK has these as char*, that of Android as const char*.
    methods.push_back({const_cast<char*>(f.name), const_cast<char*>(f.signature), f.function});
  }
  return env->RegisterNatives(native, methods.data(), static_cast<jint>(methods.size())) == JNI_OK;
}

}  // namespace

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  void* env = nullptr;
  if (vm->GetEnv(&env, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  auto* jni = static_cast<JNIEnv*>(env);
  jclass native = jni->FindClass("org/tarn/Native");
  return native != nullptr && add_functions(jni, native) ? JNI_VERSION_1_6 : JNI_ERR;
}
