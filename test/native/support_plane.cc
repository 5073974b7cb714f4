#include "support_plane.h"

#include <stdexcept>

#include "registry/dialects.h"
#include "registry/transports.h"

namespace kist {

Bytes rawCell(uint32_t circId, uint8_t command) {
  Bytes cell(512, 0);
  storeU16(cell.data(), static_cast<uint16_t>(circId));
  cell[2] = command;
  return cell;
}

Bytes rawRelay(uint32_t circId, uint16_t streamId, uint8_t command, const Bytes& body) {
  Bytes cell = rawCell(circId, kRelay);
  storeU16(cell.data() + 3, streamId);
  storeU16(cell.data() + 11, static_cast<uint16_t>(body.size()));
  cell[13] = command;
  std::copy(body.begin(), body.end(), cell.begin() + 14);
  return cell;
}

Bytes bodyOf(const Bytes& cell) {
  return Bytes(cell.begin() + 14, cell.begin() + 14 + loadU16(cell.data() + 11));
}

Bytes noise(size_t count, uint32_t seed) {
  Bytes bytes(count);
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// RawPeer.

RawPeer::RawPeer(std::unique_ptr<MemoryTransport> transport, size_t cellLength)
    : transport_(std::move(transport)), cellLength_(cellLength) {
  static_cast<void>(transport_->start(*this));
}

RawPeer::~RawPeer() = default;

void RawPeer::send(const Bytes& bytes) {
  const bool isWaiting = unsent() > 0;
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  if (!isWaiting) flush();
}

void RawPeer::flush() {
  constexpr size_t kPiece = 64 * 1024;
  while (unsent() > 0) {
    const iovec part{waiting_.data() + sent_, std::min(kPiece, unsent())};
    const IoResult result = transport_->write(&part, 1);
    sent_ += result.bytes;
    if (isOk(result.status)) continue;
    if (result.status != Status::kWouldBlock) break;
    transport_->watchWritable();
    return;
  }
  waiting_.clear();
  sent_ = 0;
}

std::vector<Bytes> RawPeer::take() {
  std::vector<Bytes> cells;
  size_t at = 0;
  for (; received_.size() - at >= cellLength_; at += cellLength_) {
    const auto begin = received_.begin() + static_cast<std::ptrdiff_t>(at);
    cells.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(cellLength_));
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(at));
  return cells;
}

std::vector<Bytes> RawPeer::take(uint8_t command) {
  std::vector<Bytes> cells = take();
  std::erase_if(cells, [command](const Bytes& cell) { return commandOf(cell) != command; });
  return cells;
}

void RawPeer::setReading(bool enabled) { transport_->setReading(enabled); }

void RawPeer::onTransportReadable() {
  Bytes buffer(64 * 1024);
  while (true) {
    const IoResult result = transport_->read(buffer);
    received_.insert(received_.end(), buffer.begin(),
                     buffer.begin() + static_cast<std::ptrdiff_t>(result.bytes));
    total_ += result.bytes;
    if (result.status == Status::kClosed || result.status == Status::kError) ended_ = true;
    if (!isOk(result.status)) return;
  }
}

void RawPeer::onTransportFailed(int) { ended_ = true; }

// PlaneRig.

PlaneConfig PlaneRig::config(uint32_t threads) {
  PlaneConfig config;
  config.threads = threads;
  config.manual = true;
  config.tcpInfoSource = "mock";
  return config;
}

PlaneRig::PlaneRig(const PlaneConfig& config, const std::string& dialect) : dialect_(*findDialect(dialect)) {
  std::string problem;
  plane = DataPlane::create(
      config, [] {}, problem);
  if (!plane) throw std::runtime_error(problem);
  uint16_t port = 1;
  static_cast<void>(plane->memoryHub().listen("peer", port, loop_, *this));
  uint32_t listener = 0;
  int error = 0;
  static_cast<void>(plane->listen(endpoint("relay", 1), listener, port, error));
  settle();
}

PlaneRig::~PlaneRig() {
  plane->memoryHub().unlisten("peer", 1);
  peers_.clear();
  loop_.runUntilQuiet();
  plane->close();
}

DataPlane::Endpoint PlaneRig::endpoint(const std::string& host, uint16_t port) const {
  DataPlane::Endpoint endpoint;
  endpoint.dialect = &dialect_;
  endpoint.transport = findTransport("memory");
  endpoint.host = host;
  endpoint.port = port;
  return endpoint;
}

void PlaneRig::onMemoryAccepted(std::unique_ptr<MemoryTransport> transport) {
  accepted_ = std::move(transport);
}

RawPeer& PlaneRig::peer(uint32_t reactor) {
  const uint64_t token = nextToken_++;
  plane->connect(token, endpoint("peer", 1), kSecond, static_cast<int>(reactor));
  settle();
  peers_.push_back(std::make_unique<RawPeer>(std::move(accepted_), dialect_.cellLength()));
  RawPeer& made = *peers_.back();
  settle();
  made.channel = Handle{expect(EventKind::kChannelConnected).handle};
  greet(made);
  onReactor(reactor, [&](Reactor& it) { it.openChannel(made.channel, true); });
  return made;
}

void PlaneRig::greet(RawPeer& peer) {
  if (!dialect_.traits().hasRelayCrypto) return;
  peer.send(Bytes{0, 0, 7, 0, 2, 0, 4});  // VERSIONS: link protocol 4.
  settle();
  expect(EventKind::kLinkCell);
  onReactor(peer.channel.reactor(), [&](Reactor& it) { it.releaseLinkCell(peer.channel); });
}

RawPeer& PlaneRig::dialIn(uint32_t capacity) {
  MemoryOptions options;
  options.capacity = capacity;
  peers_.push_back(std::make_unique<RawPeer>(plane->memoryHub().connect(loop_, "relay", 1, options),
                                             dialect_.cellLength()));
  settle();
  peers_.back()->channel = Handle{expect(EventKind::kChannelAccepted).handle};
  return *peers_.back();
}

std::pair<Handle, Handle> PlaneRig::loopChannel() {
  plane->connect(nextToken_++, endpoint("relay", 1), kSecond, 0);
  settle();
  const Handle out{expect(EventKind::kChannelConnected).handle};
  const Handle in{expect(EventKind::kChannelAccepted).handle};
  onReactor(0, [&](Reactor& it) {
    it.openChannel(out, true);
    it.openChannel(in, false);
  });
  return {out, in};
}

void PlaneRig::drain() {
  if (!drains) return;
  for (Event& event : plane->drain(SIZE_MAX)) events.push_back(std::move(event));
}

void PlaneRig::settle() {
  constexpr int kMostRounds = 100'000;
  for (int round = 0; round < kMostRounds; ++round) {
    plane->step(now_);
    static_cast<void>(loop_.runUntilQuiet());
    drain();
    if (plane->nextWake() > now_ && loop_.nextWake() > now_) return;
  }
  throw std::runtime_error("the plane does not come to rest");
}

void PlaneRig::advance(TimeNs by, TimeNs grain) {
  const TimeNs end = now_ + by;
  while (now_ < end) {
    now_ = std::min(end, now_ + grain);
    static_cast<void>(loop_.advanceTo(now_));
    settle();
  }
}

Event PlaneRig::expect(EventKind kind) {
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind != kind) continue;
    Event event = std::move(events[i]);
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(i));
    return event;
  }
  throw std::runtime_error("no event of kind " + std::to_string(static_cast<int>(kind)));
}

size_t PlaneRig::count(EventKind kind) const {
  size_t found = 0;
  for (const Event& event : events) found += event.kind == kind ? 1u : 0u;
  return found;
}

bool PlaneRig::has(EventKind kind) const { return count(kind) > 0; }

void PlaneRig::onCircuit(Handle circuit, const std::function<void(CellSwitch&, Circuit&)>& act) {
  plane->post(circuit, [circuit, act](Reactor& reactor) { reactor.withCircuit(circuit, act); });
  settle();
}

void PlaneRig::onReactor(uint32_t reactor, const std::function<void(Reactor&)>& act) {
  plane->post(Handle::make(reactor, 0, 1), act);
  settle();
}

void PlaneRig::accept(Handle circuit) {
  onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.acceptCircuit(it, {}); });
}
void PlaneRig::extend(Handle circuit, Handle channel) {
  onCircuit(circuit, [channel](CellSwitch& cells, Circuit& it) { cells.extendCircuit(it, channel, {}); });
}
void PlaneRig::splice(Handle circuit) {
  onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.spliceCircuit(it, 0, kExtended, {}); });
}
void PlaneRig::unextend(Handle circuit) {
  onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.unextendCircuit(it, 0, kExtendFailed, {}); });
}
void PlaneRig::close(Handle circuit) {
  onCircuit(circuit,
            [](CellSwitch& cells, Circuit& it) { cells.closeCircuit(it, 0, CloseReason::kRequested); });
}
void PlaneRig::hold(Handle circuit) {
  onCircuit(circuit, [](CellSwitch& cells, Circuit& it) { cells.holdCircuit(it); });
}

Handle PlaneRig::makeCircuit(RawPeer& from, uint32_t circId) {
  from.send(rawCell(circId, kCreate));
  settle();
  const Handle circuit{expect(EventKind::kCircuitCreate).handle};
  accept(circuit);
  advance(20 * kMillisecond);
  if (from.take(kCreated).size() != 1) throw std::runtime_error("no CREATED");
  return circuit;
}

Handle PlaneRig::makeForward(RawPeer& from, uint32_t circId, RawPeer& to, uint32_t& nextId) {
  const Handle circuit = makeCircuit(from, circId);
  extend(circuit, to.channel);
  advance(20 * kMillisecond);
  nextId = static_cast<uint32_t>(expect(EventKind::kCircuitAttached).b);
  if (to.take(kCreate).size() != 1) throw std::runtime_error("no CREATE");
  to.send(rawCell(nextId, kCreated));
  settle();
  expect(EventKind::kCircuitCreated);
  splice(circuit);
  advance(20 * kMillisecond);
  if (from.take(kRelay).size() != 1) throw std::runtime_error("no EXTENDED");
  return circuit;
}

ReactorSnapshot PlaneRig::total() {
  ReactorSnapshot sum;
  for (const ReactorSnapshot& part : plane->snapshots()) {
    sum.channels += part.channels;
    sum.circuits += part.circuits;
    sum.streams += part.streams;
    sum.cellsInUse += part.cellsInUse;
    sum.counters.channelPauses += part.counters.channelPauses;
    sum.counters.unknownCells += part.counters.unknownCells;
    sum.counters.droppedCells += part.counters.droppedCells;
    sum.counters.cellsCrossed += part.counters.cellsCrossed;
    sum.counters.ringFull += part.counters.ringFull;
    for (size_t i = 0; i < sum.counters.circuitsClosed.size(); ++i) {
      sum.counters.circuitsClosed[i] += part.counters.circuitsClosed[i];
      sum.counters.channelsClosed[i] += part.counters.channelsClosed[i];
      sum.counters.streamsClosed[i] += part.counters.streamsClosed[i];
    }
  }
  return sum;
}

const Channel* PlaneRig::channel(Handle handle) {
  const Channel* found = nullptr;
  onReactor(handle.reactor(), [&](Reactor& reactor) { found = reactor.findChannel(handle); });
  return found;
}

bool PlaneRig::isHeld(Handle handle) {
  const Channel* found = channel(handle);
  return found != nullptr && found->isHeld();
}

}  // namespace kist
