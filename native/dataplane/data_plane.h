#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/event_queue.h"
#include "dataplane/plane_config.h"
#include "dataplane/reactor.h"
#include "loop/manual_loop.h"
#include "loop/reactor_thread.h"
#include "tcpinfo/mock_tcp_info.h"

namespace kist {

/// Owns the reactors of one data plane and their threads: what the control plane (or a C++ program) holds.
/// All calls from one thread, its owner's; commands are posted to the reactor that a handle names and never
/// wait.
class DataPlane final : private OnionPool::Listener {
 public:
  using Endpoint = Reactor::Endpoint;

  /// Null and `problem` set when a name is unknown or a descriptor or thread cannot be had.
  static std::unique_ptr<DataPlane> create(const PlaneConfig& config, std::function<void()> onEvents,
                                           std::string& problem);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  const PlaneConfig& config() const { return config_; }
  uint32_t reactors() const { return static_cast<uint32_t>(reactors_.size()); }
  uint32_t addOwner() { return nextOwner_++; }
  uint32_t owners() const { return nextOwner_; }

  /// Opens the sockets at once: kInUse, kInvalid, kError with an errno. `port` is stored when 0 was asked
  /// for.
  Status listen(Endpoint endpoint, uint32_t& listener, uint16_t& port, int& error);
  void closeListener(uint32_t listener);
  /// `reactor` < 0: by turns.
  void connect(uint64_t token, const Endpoint& endpoint, TimeNs timeout, int reactor);
  /// Runs `command` on the reactor that `handle` names; nothing when there is none.
  void post(Handle handle, std::function<void(Reactor&)> command);
  void postAll(const std::function<void(Reactor&)>& command);

  void setScheduler(const std::string& policy, const SchedulerConfig& config, TimeNs halflife);
  std::vector<ReactorSnapshot> snapshots();

  /// Certificates for endpoints of the transport `tls`, by numbers from 1. kInvalid, kError: `error` says
  /// why.
  Status addTlsIdentity(ByteSpan certificate, ByteSpan privateKey, uint32_t& identity, std::string& error);
  /// kNotFound too.
  Status replaceTlsIdentity(uint32_t identity, ByteSpan certificate, ByteSpan privateKey, std::string& error);
  /// Null for an unknown number.
  std::shared_ptr<TlsIdentity> tlsIdentity(uint32_t identity) const;
  /// The threads that answer circuit handshakes start with the first keys. kError: they cannot; `error` is
  /// an errno.
  Status setOnionKeys(uint32_t owner, std::shared_ptr<const OnionIdentity> identity, int& error);
  void setMaxOnionQueueDelay(TimeNs delay) { onions_.setMaxQueueDelay(delay); }
  OnionStats onionStats() { return onions_.stats(); }

  std::vector<Event> drain(size_t max) { return events_.drain(max); }
  size_t undeliveredEvents() const { return events_.undelivered(); }
  const MemoryBudget& budget() const { return budget_; }

  // Manual loop only.
  /// Moves the clock to `to`, stopping at everything due on the way; reactors turn in index order until all
  /// are quiet.
  void step(TimeNs to);
  TimeNs nextWake();
  MockTcpInfo* mockTcpInfo(uint32_t reactor);
  /// Where this plane's memory transports meet; lets a test bring ends of its own.
  MemoryHub& memoryHub() { return hub_; }

  /// Closes everything, stops and joins the threads. Idempotent.
  void close();
  bool isClosed() const { return closed_; }

 private:
  DataPlane(const PlaneConfig& config, std::function<void()> onEvents);
  bool start(std::string& problem);
  void turnUntilQuiet();
  void onOnionResult(OnionPool::Result&& result) override;

  PlaneConfig config_;
  EventQueue events_;
  RingMatrix rings_;
  MemoryBudget budget_;
  MemoryHub hub_;
  OnionPool onions_;
  std::vector<std::unique_ptr<ReactorThread>> threads_;
  std::vector<std::unique_ptr<ManualLoop>> manualLoops_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<std::shared_ptr<TlsIdentity>> tlsIdentities_;
  uint32_t nextOwner_ = 1;
  uint32_t nextListener_ = 1;
  uint32_t nextReactor_ = 0;
  bool closed_ = false;
};

}  // namespace kist
