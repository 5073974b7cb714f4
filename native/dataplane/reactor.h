#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/slot_table.h"
#include "channel/channel.h"
#include "dataplane/event_queue.h"
#include "dataplane/hand_over.h"
#include "dataplane/memory_budget.h"
#include "dataplane/onion_pool.h"
#include "dataplane/plane_config.h"
#include "registry/transports.h"
#include "switch/cell_switch.h"

namespace kist {

/// What the reactors of one data plane share; belongs to the DataPlane and outlives them.
struct SharedPlane {
  EventQueue& events;
  RingMatrix& rings;
  MemoryBudget& budget;
  MemoryHub& hub;
  OnionPool* onions = nullptr;  ///< Null: nobody answers circuit handshakes.
};

/// Loop-bound state of one data-plane thread: channels, switch, scheduler, timers. Not a thread itself: it
/// runs over an EpollLoop or a ManualLoop. One turn: descriptors, timers, commands; then onTurnEnd(): rings,
/// held input, edge, the scheduler run that is due, ended channels, budget, events out.
///
/// Commands come by EventLoop::post and are ignored when their handle is old. Split over reactor.cc (turn,
/// channels), reactor_commands.cc (what the control plane asks) and reactor_events.cc (what it is told).
class Reactor final : public EventLoop::TurnListener,
                      public Channel::Listener,
                      public SwitchListener,
                      public Edge::StreamEvents,
                      public HandOver::Listener,
                      public LogSink {
 public:
  Reactor(uint32_t index, EventLoop& loop, const PlaneConfig& config, SharedPlane shared);
  ~Reactor();

  EventLoop& loop() { return loop_; }
  uint32_t index() const { return index_; }
  TcpInfoSource& tcpInfoSource() { return *source_; }

  // Commands; on the loop.
  struct Endpoint {
    const Dialect* dialect = nullptr;
    const TransportEntry* transport = nullptr;
    std::string host;
    uint16_t port = 0;
    uint32_t owner = 0;
    SocketOptions socket;
    std::shared_ptr<TlsIdentity> tls;  ///< `tls` only.
  };
  /// `fd` is a listening socket, or -1 for a transport without descriptors.
  void listen(uint32_t listener, const Endpoint& endpoint, int fd);
  void closeListener(uint32_t listener);
  void connect(uint64_t token, const Endpoint& endpoint, TimeNs timeout);
  void sendLinkCell(Handle channel, ByteSpan cell);
  void releaseLinkCell(Handle channel);
  void exportLink(Handle channel, ByteSpan context);
  void openChannel(Handle channel, bool isInitiator);
  void setDeliverUnknown(Handle channel, bool enabled);
  void closeChannel(Handle channel);
  void acceptOnion(Handle circuit, uint16_t type, ByteSpan skin);
  /// What came of acceptOnion().
  void onOnionResult(OnionPool::Result& result);
  void createCircuit(uint64_t token, Handle channel, ByteSpan payload);
  void setScheduler(const std::string& policy, const SchedulerConfig& config, TimeNs halflife);
  void releaseControlHolds();
  /// Closes everything; the loop may then be stopped.
  void shutDown();
  ReactorSnapshot snapshot();

  /// Calls `act(switch, circuit)` when the handle is live.
  template <typename F>
  void withCircuit(Handle handle, F&& act) {
    if (Circuit* circuit = switch_.find(handle)) act(switch_, *circuit);
  }

  // TurnListener.
  bool onTurnEnd() override;
  bool onBeforeSleep() override;
  // Channel::Listener.
  void onChannelConnected(Channel& channel) override;
  void onCell(Channel& channel, const CellView& cell) override { switch_.onCell(channel, cell); }
  void onQueueLow(Channel& channel, CircuitQueue& queue) override;
  void onChannelDone(Channel& channel) override;
  void onInputWaiting(Channel& channel) override;
  // SwitchListener.
  void onLinkCell(Channel& channel, const CellView& cell) override;
  void onUnknownCell(Channel& channel, const CellView& cell) override;
  void onCircuitCreate(Circuit& circuit, const CellView& cell) override;
  void onCircuitAttached(Circuit& circuit, uint64_t token, uint32_t circId) override;
  void onCircuitCreated(Circuit& circuit, const CellView& cell) override;
  void onCircuitCreateFailed(Circuit& circuit, CloseReason reason, const CellView* cell) override;
  void onCircuitClosed(Circuit& circuit, CloseReason reason, Side side) override;
  void onRelayMessage(Circuit& circuit, const RelayMessage& message) override;
  bool hasControlCredit() const override { return shared_.events.hasCredit(events_.size()); }
  void waitForControlCredit(Handle channel) override { controlHolds_.push_back(channel); }
  Channel* findChannel(Handle handle) override { return channels_.find(handle); }
  // Edge::StreamEvents.
  void onStreamData(Circuit& circuit, uint16_t streamId, std::vector<uint8_t>&& bytes) override;
  void onStreamEnd(Circuit& circuit, uint16_t streamId) override;
  void onStreamConnected(Circuit& circuit, uint16_t streamId) override;
  void onStreamConnectFailed(Circuit& circuit, uint16_t streamId, int error) override;
  void onStreamClosed(Circuit& circuit, uint16_t streamId, CloseReason reason) override;
  void onStreamWritten(Circuit& circuit, uint16_t streamId, uint64_t bytes) override;
  // HandOver::Listener.
  void onCrossing(const Crossing& crossing) override { switch_.onCrossing(crossing); }
  void onRingRoom(Handle channel) override;
  // LogSink.
  void log(LogLevel level, std::string_view text) override;

 private:
  static constexpr size_t kScratch = 128 * 1024;

  /// Reads the loop's clock anew, so that a run sees its own length.
  class RunClock final : public Clock {
   public:
    explicit RunClock(EventLoop& loop) : loop_(loop) {}
    TimeNs now() const override { return loop_.refreshNow(); }

   private:
    EventLoop& loop_;
  };

  class ListenerHandler final : public TransportListener::Handler {
   public:
    ListenerHandler(Reactor& reactor, uint32_t id, Endpoint endpoint)
        : reactor_(reactor), id_(id), endpoint_(std::move(endpoint)) {}
    void onTransportAccepted(std::unique_ptr<Transport> transport, const std::string& peer) override {
      reactor_.accept(id_, endpoint_, std::move(transport), peer);
    }

   private:
    Reactor& reactor_;
    uint32_t id_;
    Endpoint endpoint_;
  };
  struct Listening {
    std::unique_ptr<ListenerHandler> handler;
    std::unique_ptr<TransportContext> context;
    std::unique_ptr<TransportListener> listener;
  };

  Channel* makeChannel(const Endpoint& endpoint, std::unique_ptr<Transport> transport);
  void accept(uint32_t listener, const Endpoint& endpoint, std::unique_ptr<Transport> transport,
              const std::string& peer);
  TransportContext transportContext(const Endpoint& endpoint);
  void readWaiting();
  void tearDown();
  void sweep();
  void updateMemory();
  void serveBudget();
  uint64_t memoryInUse();
  AgeHistogram ageHistogram();
  void tell(EventKind kind, uint64_t handle, int64_t a = 0, int64_t b = 0);
  void tellBytes(EventKind kind, uint64_t handle, int64_t a, int64_t b, ByteSpan bytes);

  const uint32_t index_;
  EventLoop& loop_;
  SharedPlane shared_;
  std::string muxName_;
  FlowLimits limits_;
  std::vector<uint8_t> scratch_;
  std::vector<uint8_t> edgeScratch_;
  CellPool cells_;
  ChunkPool chunks_;
  ReactorCounters counters_;
  RunClock runClock_;
  PriorityBase priorities_;
  std::unique_ptr<TcpInfoSource> source_;
  Scheduler scheduler_;
  ChannelContext context_;
  HandOver handOver_;
  SlotTable<Channel> channels_;
  CellSwitch switch_;
  std::shared_ptr<TlsScratch> tlsScratch_;  ///< Made for the first endpoint that is `tls`.
  std::map<uint32_t, Listening> listeners_;
  std::vector<Event> events_;
  std::vector<Handle> waitingInput_;
  std::vector<Handle> done_;
  std::vector<Handle> draining_;
  std::vector<Handle> controlHolds_;
  Timer runTimer_;
  Timer sweepTimer_;
  uint64_t inbufBytes_ = 0;
  int64_t reportedMemory_ = 0;
};

}  // namespace kist
