// The C++ library's own classes (control blocks of shared_ptr) tell of their types through these tables, which bring
// along all that dynamic_cast and catch do with them. There is neither in this module: nobody reads the tables, and
// these stand in their place.
extern "C" {

// NOLINTBEGIN: names as the compiler makes them
extern const void* const _ZTVN10__cxxabiv117__class_type_infoE[3];
extern const void* const _ZTVN10__cxxabiv120__si_class_type_infoE[3];
extern const void* const _ZTVN10__cxxabiv121__vmi_class_type_infoE[3];
const void* const _ZTVN10__cxxabiv117__class_type_infoE[3] = {};
const void* const _ZTVN10__cxxabiv120__si_class_type_infoE[3] = {};
const void* const _ZTVN10__cxxabiv121__vmi_class_type_infoE[3] = {};
// NOLINTEND

}  // extern "C"
