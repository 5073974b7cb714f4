// The addon: the only place that knows Node. One translation unit, because napi.h costs over two seconds a
// file.

// A worker that is terminated ends in the middle of any call, and then nothing can be thrown any more: no
// reason to abort.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>

#include <csignal>
#include <cstring>

#include "napi/plane_commands.h"
#include "napi/plane_onions.h"
#include "napi/plane_options.h"
#include "napi/plane_wrap.h"
#include "napi/scripted_wrap.h"
#include "registry/dialects.h"
#include "registry/muxes.h"
#include "registry/schedulers.h"
#include "registry/tcp_info_sources.h"

namespace kist {

PlaneWrap::PlaneWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PlaneWrap>(info), env_(info.Env()) {
  Arguments arguments(info);
  const Napi::Object options = arguments.object(0, "options");
  if (arguments.ok() && !info[1].IsFunction()) arguments.fail("onEvents", "a function");
  const PlaneConfig config = arguments.ok() ? readConfig(arguments, options) : PlaneConfig{};
  if (!arguments.ok()) return;
  const Napi::String name = Napi::String::New(info.Env(), "kist-relay events");
  if (napi_create_threadsafe_function(env_, info[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr,
                                      callEvents, &notify_) != napi_ok) {
    throwError(info.Env(), "ERR_KIST_NATIVE", "cannot make a thread-safe function");
    return;
  }
  napi_unref_threadsafe_function(env_, notify_);
  std::string problem;
  napi_threadsafe_function notify = notify_;
  plane_ = DataPlane::create(
      config, [notify] { napi_call_threadsafe_function(notify, nullptr, napi_tsfn_nonblocking); }, problem);
  if (!plane_) {
    shutDown();
    throwError(info.Env(), "ERR_KIST_NATIVE", problem);
    return;
  }
  LivePlanes::add(plane_.get());
  napi_add_env_cleanup_hook(env_, onCleanup, this);
}

void PlaneWrap::callEvents(napi_env env, napi_value callback, void*, void*) {
  if (env == nullptr || callback == nullptr) return;
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, callback, 0, nullptr, nullptr);
}

void PlaneWrap::onCleanup(void* self) { static_cast<PlaneWrap*>(self)->shutDown(); }

void PlaneWrap::shutDown() {
  if (plane_) {
    napi_remove_env_cleanup_hook(env_, onCleanup, this);
    LivePlanes::remove(plane_.get());
    plane_->close();
    plane_.reset();
  }
  if (notify_ != nullptr) {
    napi_release_threadsafe_function(notify_, napi_tsfn_abort);
    notify_ = nullptr;
  }
}

Napi::Value PlaneWrap::stats(Info info) {
  if (!plane_) {
    throwError(info.Env(), "ERR_KIST_CLOSED", "the data plane is closed");
    return info.Env().Undefined();
  }
  return statsToObject(info.Env(), *plane_);
}

Napi::Value PlaneWrap::drain(Info info) {
  Arguments arguments(info);
  const uint32_t max = arguments.integer(0, "maxEvents", 1e6);
  const Napi::Env env = info.Env();
  Napi::Array result = Napi::Array::New(env);
  if (!arguments.ok() || !plane_) return result;
  uint32_t at = 0;
  for (Event& event : plane_->drain(max)) {
    result.Set(at++, Napi::Number::New(env, static_cast<double>(event.kind)));
    result.Set(at++, toNumber(env, event.handle));
    result.Set(at++, Napi::Number::New(env, static_cast<double>(event.a)));
    result.Set(at++, Napi::Number::New(env, static_cast<double>(event.b)));
    if (event.hasBytes) {
      result.Set(at++, Napi::Buffer<uint8_t>::Copy(env, event.bytes.data(), event.bytes.size()));
    } else if (!event.text.empty()) {
      result.Set(at++, Napi::String::New(env, event.text));
    } else {
      result.Set(at++, env.Undefined());
    }
  }
  return result;
}

void PlaneWrap::step(Info info) {
  Arguments arguments(info);
  const auto to = static_cast<TimeNs>(arguments.number(0, "nowNs", 0, 9e15));
  if (arguments.ok() && plane_) plane_->step(to);
}

Napi::Value PlaneWrap::nextWake(Info info) {
  const TimeNs next = plane_ ? plane_->nextWake() : kNever;
  return Napi::Number::New(info.Env(), next == kNever ? -1 : static_cast<double>(next));
}

Napi::Function PlaneWrap::define(Napi::Env env) {
  return DefineClass(env, "DataPlane",
                     {InstanceMethod<&PlaneWrap::addOwner>("addOwner"),
                      InstanceMethod<&PlaneWrap::listen>("listen"),
                      InstanceMethod<&PlaneWrap::closeListener>("closeListener"),
                      InstanceMethod<&PlaneWrap::addTlsIdentity>("addTlsIdentity"),
                      InstanceMethod<&PlaneWrap::replaceTlsIdentity>("replaceTlsIdentity"),
                      InstanceMethod<&PlaneWrap::connect>("connect"),
                      InstanceMethod<&PlaneWrap::sendLinkCell>("sendLinkCell"),
                      InstanceMethod<&PlaneWrap::releaseLinkCell>("releaseLinkCell"),
                      InstanceMethod<&PlaneWrap::exportLink>("exportLink"),
                      InstanceMethod<&PlaneWrap::openChannel>("openChannel"),
                      InstanceMethod<&PlaneWrap::setDeliverUnknown>("setDeliverUnknown"),
                      InstanceMethod<&PlaneWrap::closeChannel>("closeChannel"),
                      InstanceMethod<&PlaneWrap::createCircuit>("createCircuit"),
                      InstanceMethod<&PlaneWrap::acceptCircuit>("acceptCircuit"),
                      InstanceMethod<&PlaneWrap::setOnionKeys>("setOnionKeys"),
                      InstanceMethod<&PlaneWrap::setMaxOnionQueueDelay>("setMaxOnionQueueDelay"),
                      InstanceMethod<&PlaneWrap::acceptOnion>("acceptOnion"),
                      InstanceMethod<&PlaneWrap::addHop>("addHop"),
                      InstanceMethod<&PlaneWrap::refuseCircuit>("refuseCircuit"),
                      InstanceMethod<&PlaneWrap::extendCircuit>("extendCircuit"),
                      InstanceMethod<&PlaneWrap::holdCircuit>("holdCircuit"),
                      InstanceMethod<&PlaneWrap::spliceCircuit>("spliceCircuit"),
                      InstanceMethod<&PlaneWrap::unextendCircuit>("unextendCircuit"),
                      InstanceMethod<&PlaneWrap::closeCircuit>("closeCircuit"),
                      InstanceMethod<&PlaneWrap::sendRelay>("sendRelay"),
                      InstanceMethod<&PlaneWrap::injectCell>("injectCell"),
                      InstanceMethod<&PlaneWrap::openStream>("openStream"),
                      InstanceMethod<&PlaneWrap::connectStream>("connectStream"),
                      InstanceMethod<&PlaneWrap::writeStream>("writeStream"),
                      InstanceMethod<&PlaneWrap::endStream>("endStream"),
                      InstanceMethod<&PlaneWrap::resetStream>("resetStream"),
                      InstanceMethod<&PlaneWrap::consumed>("consumed"),
                      InstanceMethod<&PlaneWrap::configureScheduler>("configureScheduler"),
                      InstanceMethod<&PlaneWrap::stats>("stats"),
                      InstanceMethod<&PlaneWrap::drain>("drain"),
                      InstanceMethod<&PlaneWrap::step>("step"),
                      InstanceMethod<&PlaneWrap::nextWake>("nextWake"),
                      InstanceMethod<&PlaneWrap::setTcpInfo>("setTcpInfo"),
                      InstanceMethod<&PlaneWrap::close>("close")});
}

template <typename Entries>
Napi::Array namesOf(Napi::Env env, const Entries& entries) {
  Napi::Array names = Napi::Array::New(env);
  for (const auto& entry : entries) names.Set(names.Length(), Napi::String::New(env, entry.name));
  return names;
}

Napi::Value infoOf(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Object info = Napi::Object::New(env);
  Napi::Array dialectNames = Napi::Array::New(env);
  for (const Dialect* dialect : dialects()) {
    dialectNames.Set(dialectNames.Length(), Napi::String::New(env, dialect->name()));
  }
  info.Set("dialects", dialectNames);
  info.Set("transports", namesOf(env, transportEntries()));
  info.Set("schedulers", namesOf(env, schedulers()));
  info.Set("muxes", namesOf(env, muxes()));
  info.Set("tcpInfoSources", namesOf(env, tcpInfoSources()));
  return info;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("DataPlane", PlaneWrap::define(env));
  exports.Set("ScriptedScheduler", ScriptedWrap::define(env));
  exports.Set("info", Napi::Function::New(env, infoOf, "info"));
  return exports;
}

}  // namespace kist

static Napi::Object initAddon(Napi::Env env, Napi::Object exports) { return kist::init(env, exports); }

NODE_API_MODULE(kist_relay, initAddon)
