#pragma once

// Included by addon.cc alone.

#include <memory>
#include <string>

#include "dataplane/data_plane.h"
#include "napi/live_planes.h"
#include "napi/plane_stats.h"
#include "napi/values.h"

namespace kist {

/// The JavaScript class DataPlane; see NativeDataPlane in src/native/binding-types.ts.
///
/// Lifetime: reactor threads call onEvents through an unreferenced thread-safe function, made before and
/// released after them. close() joins the threads; it is called by JavaScript (process 'exit'), by the
/// environment's cleanup hook (worker threads) or by the finalizer, and LivePlanes does the same at process
/// exit as a backstop, without touching Node.
class PlaneWrap final : public Napi::ObjectWrap<PlaneWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PlaneWrap(const Napi::CallbackInfo& info);
  ~PlaneWrap() override { shutDown(); }

 private:
  using Info = const Napi::CallbackInfo&;

  Napi::Value addOwner(Info info);
  Napi::Value listen(Info info);
  void closeListener(Info info);
  Napi::Value addTlsIdentity(Info info);
  void replaceTlsIdentity(Info info);
  void connect(Info info);
  void sendLinkCell(Info info);
  void releaseLinkCell(Info info);
  void exportLink(Info info);
  void openChannel(Info info);
  void setDeliverUnknown(Info info);
  void closeChannel(Info info);
  void createCircuit(Info info);
  void acceptCircuit(Info info);
  void setOnionKeys(Info info);
  void setMaxOnionQueueDelay(Info info);
  void acceptOnion(Info info);
  void addHop(Info info);
  void refuseCircuit(Info info);
  void extendCircuit(Info info);
  void holdCircuit(Info info);
  void spliceCircuit(Info info);
  void unextendCircuit(Info info);
  void closeCircuit(Info info);
  void sendRelay(Info info);
  void injectCell(Info info);
  void openStream(Info info);
  void connectStream(Info info);
  void writeStream(Info info);
  void endStream(Info info);
  void resetStream(Info info);
  void consumed(Info info);
  void configureScheduler(Info info);
  Napi::Value stats(Info info);
  Napi::Value drain(Info info);
  void step(Info info);
  Napi::Value nextWake(Info info);
  void setTcpInfo(Info info);
  void close(Info) { shutDown(); }

  struct Message {
    uint16_t streamId = 0;
    uint8_t command = 0;
    std::vector<uint8_t> body;
    bool early = false;
  };

  static constexpr double kMaxOnionQueueDelayMs = 5000;

  PlaneConfig readConfig(Arguments& arguments, const Napi::Object& options);
  void readScheduler(Arguments& arguments, const Napi::Object& options, PlaneConfig& config);
  DataPlane::Endpoint readEndpoint(Arguments& arguments, const Napi::Object& object);
  std::shared_ptr<const OnionIdentity> readOnionKeys(Arguments& arguments, const Napi::Object& object);
  Message readMessage(Arguments& arguments, const Napi::Object& object);
  /// Posts `act(switch, circuit)` for the circuit of argument 0, which is skipped when its handle is old.
  template <typename F>
  void onCircuit(Handle circuit, F&& act) {
    if (!plane_) return;
    plane_->post(circuit, [circuit, act = std::forward<F>(act)](Reactor& reactor) {
      reactor.withCircuit(circuit, act);
    });
  }
  void shutDown();
  static void onCleanup(void* self);
  static void callEvents(napi_env env, napi_value callback, void* context, void* data);

  std::unique_ptr<DataPlane> plane_;
  napi_threadsafe_function notify_ = nullptr;
  napi_env env_ = nullptr;
};

}  // namespace kist
