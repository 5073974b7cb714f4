#pragma once

// Included by addon.cc alone: napi.h costs over two seconds a file.

#include <napi.h>

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/handle.h"
#include "base/histogram.h"

namespace kist {

/// Reads the arguments of one call. The first wrong one throws a TypeError that names it; afterwards ok() is
/// false and every value read is a default.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  bool ok() const { return ok_; }

  double number(size_t index, const char* name, double min, double max) {
    const Napi::Value value = info_[index];
    if (!value.IsNumber()) return fail(name, "a number"), 0;
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= min && number <= max)) return fail(name, "in its range"), 0;
    return number;
  }
  uint32_t integer(size_t index, const char* name, double max = UINT32_MAX) {
    return static_cast<uint32_t>(number(index, name, 0, max));
  }
  Handle handle(size_t index, const char* name) {
    return Handle{static_cast<uint64_t>(number(index, name, 0, 9007199254740991.0))};
  }
  bool boolean(size_t index, const char* name) {
    const Napi::Value value = info_[index];
    if (!value.IsBoolean()) return fail(name, "a boolean"), false;
    return value.As<Napi::Boolean>().Value();
  }
  std::string text(size_t index, const char* name) {
    const Napi::Value value = info_[index];
    if (!value.IsString()) return fail(name, "a string"), std::string();
    return value.As<Napi::String>().Utf8Value();
  }
  std::vector<uint8_t> bytes(size_t index, const char* name) { return toBytes(info_[index], name); }
  Napi::Object object(size_t index, const char* name) {
    const Napi::Value value = info_[index];
    if (!value.IsObject()) return fail(name, "an object"), Napi::Object::New(info_.Env());
    return value.As<Napi::Object>();
  }

  // Fields of an object argument; `name` is what the message calls it.
  double field(const Napi::Object& object, const char* name, double min, double max) {
    const Napi::Value value = object.Get(name);
    if (!value.IsNumber()) return fail(name, "a number"), 0;
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= min && number <= max)) return fail(name, "in its range"), 0;
    return number;
  }
  std::string textField(const Napi::Object& object, const char* name) {
    const Napi::Value value = object.Get(name);
    if (!value.IsString()) return fail(name, "a string"), std::string();
    return value.As<Napi::String>().Utf8Value();
  }
  std::vector<uint8_t> bytesField(const Napi::Object& object, const char* name) {
    return toBytes(object.Get(name), name);
  }
  /// Left out: nothing. Of the wrong kind: fails.
  std::optional<double> maybeNumber(const Napi::Object& object, const char* name, double min, double max) {
    if (object.Get(name).IsUndefined()) return std::nullopt;
    return field(object, name, min, max);
  }
  std::optional<std::string> maybeText(const Napi::Object& object, const char* name) {
    if (object.Get(name).IsUndefined()) return std::nullopt;
    return textField(object, name);
  }
  std::optional<bool> maybeBoolean(const Napi::Object& object, const char* name) {
    const Napi::Value value = object.Get(name);
    if (value.IsUndefined()) return std::nullopt;
    if (!value.IsBoolean()) return fail(name, "a boolean"), false;
    return value.As<Napi::Boolean>().Value();
  }

  void fail(const std::string& name, const std::string& expected) {
    if (!ok_) return;
    ok_ = false;
    Napi::TypeError error = Napi::TypeError::New(info_.Env(), name + " must be " + expected);
    error.Set("code", Napi::String::New(info_.Env(), "ERR_KIST_ARGUMENT"));
    error.ThrowAsJavaScriptException();
  }

 private:
  std::vector<uint8_t> toBytes(const Napi::Value& value, const char* name) {
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      return fail(name, "a Uint8Array"), std::vector<uint8_t>();
    }
    const auto array = value.As<Napi::Uint8Array>();
    return std::vector<uint8_t>(array.Data(), array.Data() + array.ByteLength());
  }

  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

inline void throwError(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

inline Napi::Number toNumber(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

inline Napi::Object toObject(Napi::Env env, const Histogram& histogram) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("total", toNumber(env, histogram.total));
  object.Set("sum", toNumber(env, histogram.sum));
  object.Set("max", toNumber(env, histogram.max));
  Napi::Array bounds = Napi::Array::New(env);
  Napi::Array counts = Napi::Array::New(env);
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.counts[i] == 0) continue;
    bounds.Set(bounds.Length(), Napi::Number::New(env, Histogram::upperBound(i)));
    counts.Set(counts.Length(), toNumber(env, histogram.counts[i]));
  }
  object.Set("bounds", bounds);
  object.Set("counts", counts);
  return object;
}

}  // namespace kist
