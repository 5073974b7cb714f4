#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataplane/data_plane.h"
#include "transport/memory_hub.h"

namespace kist {

using Bytes = std::vector<uint8_t>;

/// Tor61 cells as raw bytes, written out by hand so that a fault of the dialect does not hide itself.
Bytes rawCell(uint32_t circId, uint8_t command);
Bytes rawRelay(uint32_t circId, uint16_t streamId, uint8_t command, const Bytes& body);
inline uint32_t circIdOf(const Bytes& cell) { return loadU16(cell.data()); }
inline uint8_t commandOf(const Bytes& cell) { return cell[2]; }
inline uint16_t streamIdOf(const Bytes& cell) { return loadU16(cell.data() + 3); }
inline uint8_t relayCommandOf(const Bytes& cell) { return cell[13]; }
Bytes bodyOf(const Bytes& cell);
/// Repeatable bytes.
Bytes noise(size_t count, uint32_t seed = 1);
Bytes joined(const std::vector<Bytes>& parts);

enum Tor61Command : uint8_t {
  kCreate = 1,
  kCreated,
  kRelay,
  kDestroy,
  kOpen,
  kOpened,
  kOpenFailed,
  kCreateFailed
};
enum Tor61Relay : uint8_t {
  kBegin = 1,
  kData = 2,
  kEnd = 3,
  kConnected = 4,
  kExtend = 6,
  kExtended = 7,
  kExtendFailed = 12
};

/// The far end of a channel: speaks bytes over a memory transport on the test's own loop.
class RawPeer final : public Transport::Listener {
 public:
  explicit RawPeer(std::unique_ptr<MemoryTransport> transport, size_t cellLength = 512);
  ~RawPeer();

  /// What the transport does not take at once waits and is sent as it drains.
  void send(const Bytes& bytes);
  /// Cells received since the last call.
  std::vector<Bytes> take();
  /// The cells of take() that have this command (Tor61).
  std::vector<Bytes> take(uint8_t command);
  /// Stops reading: what the relay writes stays with it.
  void setReading(bool enabled);
  void close(bool reset) { transport_->close(reset); }
  size_t unsent() const { return waiting_.size() - sent_; }
  size_t received() const { return total_; }
  bool ended() const { return ended_; }

  Handle channel;  ///< At the relay.

  void onTransportConnected() override {}
  void onTransportReadable() override;
  void onTransportWritable() override { flush(); }
  void onTransportFailed(int error) override;

 private:
  void flush();

  std::unique_ptr<MemoryTransport> transport_;
  size_t cellLength_;
  Bytes waiting_;
  size_t sent_ = 0;  ///< Of waiting_.
  Bytes received_;
  size_t total_ = 0;
  bool ended_ = false;
};

/// A whole data plane on manual loops with raw peers around it. The test is its control plane: events gather
/// in `events`, commands are posted. Time moves only by advance().
class PlaneRig : private MemoryHub::Listener {
 public:
  static PlaneConfig config(uint32_t threads = 1);
  explicit PlaneRig(const PlaneConfig& config = PlaneRig::config(), const std::string& dialect = "tor61");
  ~PlaneRig();

  /// A peer whose channel is on `reactor`, connected and open; circuit IDs that the relay picks are odd (in
  /// Tor they have the high bit).
  RawPeer& peer(uint32_t reactor = 0);
  /// A peer that connected to the relay (its channel is on reactor 0), still in the handshake. `capacity`:
  /// bytes that one direction holds unread.
  RawPeer& dialIn(uint32_t capacity = 256 * 1024);
  /// Two open channels of the plane with itself, connected to each other: the connecting one and the accepted
  /// one.
  std::pair<Handle, Handle> loopChannel();

  void settle();
  void advance(TimeNs by, TimeNs grain = kMillisecond);
  TimeNs now() const { return now_; }

  /// The oldest event of this kind, taken out; throws when there is none.
  Event expect(EventKind kind);
  bool has(EventKind kind) const;
  size_t count(EventKind kind) const;

  /// Runs `act(switch, circuit)` on the circuit's reactor if the handle is live, and settles.
  void onCircuit(Handle circuit, const std::function<void(CellSwitch&, Circuit&)>& act);
  void onReactor(uint32_t reactor, const std::function<void(Reactor&)>& act);

  void accept(Handle circuit);
  void extend(Handle circuit, Handle channel);
  void splice(Handle circuit);
  void unextend(Handle circuit);
  void close(Handle circuit);
  void hold(Handle circuit);
  /// CREATE from `from` under `circId`, accepted: ends here.
  Handle makeCircuit(RawPeer& from, uint32_t circId);
  /// The same, extended to `to` and spliced. `nextId`: the circuit ID toward `to`.
  Handle makeForward(RawPeer& from, uint32_t circId, RawPeer& to, uint32_t& nextId);

  ReactorSnapshot total();
  const Channel* channel(Handle handle);
  bool isHeld(Handle handle);

  std::unique_ptr<DataPlane> plane;
  std::vector<Event> events;
  bool drains = true;  ///< Off: the control plane takes no events.

 private:
  void onMemoryAccepted(std::unique_ptr<MemoryTransport> transport) override;
  DataPlane::Endpoint endpoint(const std::string& host, uint16_t port) const;
  /// Sends what a peer must send before any other cell.
  void greet(RawPeer& peer);
  void drain();

  const Dialect& dialect_;
  ManualLoop loop_;
  TimeNs now_ = 0;
  uint64_t nextToken_ = 1;
  std::vector<std::unique_ptr<RawPeer>> peers_;
  std::unique_ptr<MemoryTransport> accepted_;
};

}  // namespace kist
