// Exit streams of Tor circuits over real sockets: the test is a client on a plain TCP connection and the
// target that the exit connects to. Nothing here depends on how long something takes: what must not come is
// shown by a later answer that did.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>

#include "registry/dialects.h"
#include "support_echo.h"
#include "support_tor.h"
#include "transport/socket_address.h"

namespace kist {
namespace {

constexpr uint32_t kId = 0x80000007u;
constexpr uint8_t kPing = 98, kPong = 99;

/// A non-blocking socket of the test.
class Plug {
 public:
  explicit Plug(int fd) : fd_(fd) { fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK); }
  ~Plug() { close(); }
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;
  int fd() const { return fd_; }
  void close(bool reset = false) {
    if (fd_ < 0) return;
    const linger hard{1, 0};
    if (reset) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(fd_);
    fd_ = -1;
  }
  void finish() { shutdown(fd_, SHUT_WR); }
  void send(const Bytes& bytes) { outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end()); }
  /// Moves what can be moved now.
  void turn() {
    if (fd_ < 0) return;
    if (!outgoing_.empty()) {
      const ssize_t sent = ::send(fd_, outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
      if (sent > 0) outgoing_.erase(outgoing_.begin(), outgoing_.begin() + sent);
      if (sent < 0 && errno != EAGAIN) failed = true;
    }
    uint8_t buffer[64 * 1024];
    while (reads) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got == 0) ended = true;
      if (got < 0 && errno != EAGAIN) failed = true;
      if (got <= 0) break;
      received.insert(received.end(), buffer, buffer + got);
    }
  }

  Bytes received;
  bool reads = true;
  bool ended = false;   ///< The far side said FIN.
  bool failed = false;  ///< Or RST.

 private:
  int fd_;
  Bytes outgoing_;
};

/// A plane that is an exit relay, a client's circuit to it, and the control plane of the exit.
class Exit {
 public:
  Exit() {
    PlaneConfig config;
    config.scheduler.interval = 2 * kMillisecond;
    std::string problem;
    plane = DataPlane::create(
        config, [] {}, problem);
    REQUIRE(plane != nullptr);
    DataPlane::Endpoint endpoint;
    endpoint.dialect = findDialect("tor");
    endpoint.transport = findTransport("tcp");
    endpoint.host = "127.0.0.1";
    uint32_t listener = 0;
    int error = 0;
    uint16_t port = 0;
    REQUIRE(isOk(plane->listen(endpoint, listener, port, error)));
    listening_ = listenOnLoopback(targetPort_, 4096);
    link = std::make_unique<Plug>(connectTo(port));
    link->send(Bytes{0, 0, TorDialect::kVersions, 0, 2, 0, 4});
    link->send(torCell(kId, TorDialect::kCreate2));
    client.addHop(torKeys(1));
    REQUIRE(until([&] { return created_; }));
  }
  ~Exit() {
    plane->close();
    ::close(listening_);
  }

  /// Goes on until `done`; false when that takes 20 s.
  bool until(const std::function<bool()>& done) {
    for (int rounds = 0; rounds < 20'000; ++rounds) {
      turn();
      if (done()) return true;
      pollfd waiting{link->fd(), POLLIN, 0};
      poll(&waiting, 1, 1);
    }
    return false;
  }
  void send(uint16_t id, uint8_t command, const Bytes& body = {}) {
    link->send(client.seal(id, command, body));
    if (command == TorDialect::kData && ++dataSent % 100 == 0) sealed.push_back(client.sealedDigest());
  }
  /// Everything sent so far was served, and what followed from it came.
  void fence(int times = 3) {
    for (int i = 0; i < times; ++i) {
      const size_t before = count(kPong);
      send(0, kPing);
      REQUIRE(until([&] { return count(kPong) > before; }));
    }
  }
  /// BEGIN, and the target's end of the stream.
  Plug& open(uint16_t id) {
    send(id, TorDialect::kBegin);
    return accept();
  }
  Plug& accept() {
    const size_t before = targets_.size();
    REQUIRE(until([&] { return count(TorDialect::kConnected) > before; }));
    targets_.push_back(std::make_unique<Plug>(accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)));
    REQUIRE(targets_.back()->fd() >= 0);
    return *targets_.back();
  }
  size_t count(uint8_t command) const { return of(UINT16_MAX, command); }
  /// Messages of one stream.
  size_t of(uint16_t id, uint8_t command) const {
    return static_cast<size_t>(std::count_if(messages.begin(), messages.end(), [&](const TorMessage& it) {
      return it.command == command && (id == UINT16_MAX || it.streamId == id);
    }));
  }
  Bytes dataOf(uint16_t id) const {
    Bytes all;
    for (const TorMessage& it : messages) {
      if (it.command == TorDialect::kData && it.streamId == id)
        all.insert(all.end(), it.body.begin(), it.body.end());
    }
    return all;
  }
  uint64_t streams() { return plane->snapshots()[0].streams; }

  std::unique_ptr<DataPlane> plane;
  std::unique_ptr<Plug> link;
  TorEnd client{kId};
  std::vector<TorMessage> messages;
  std::vector<Bytes> sealed;  ///< Digests of every hundredth DATA cell sent.
  size_t dataSent = 0;
  bool acknowledges = false;  ///< Answers DATA with SENDMEs as a client does.
  int refusals = 0;           ///< Connections that are tried where nobody listens first.
  bool isDestroyed = false;
  uint8_t destroyReason = 0;
  std::vector<Event> closed;  ///< StreamClosed events.
  Handle circuit;

 private:
  static int connectTo(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  void turn() {
    for (Event& event : plane->drain(SIZE_MAX)) serve(event);
    link->turn();
    for (const auto& target : targets_) target->turn();
    size_t at = 0;
    for (; link->received.size() - at >= 514; at += 514) {
      const auto begin = link->received.begin() + static_cast<std::ptrdiff_t>(at);
      onCell(Bytes(begin, begin + 514));
    }
    link->received.erase(link->received.begin(), link->received.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void onCell(const Bytes& cell) {
    if (torCommandOf(cell) == TorDialect::kCreated2) created_ = true;
    if (torCommandOf(cell) == TorDialect::kDestroy) {
      isDestroyed = true;
      destroyReason = cell[5];
    }
    if (torCommandOf(cell) != TorDialect::kRelay) return;
    messages.push_back(client.open(cell));
    const TorMessage& message = messages.back();
    if (!acknowledges || message.command != TorDialect::kData) return;
    if (count(TorDialect::kData) % 100 == 0) send(0, TorDialect::kSendme, torSendme(message.digest));
    if (of(message.streamId, TorDialect::kData) % 50 == 0) send(message.streamId, TorDialect::kSendme);
  }
  void serve(const Event& event) {
    const Handle handle{event.handle};
    const auto id = static_cast<uint16_t>(event.a);
    const auto onCircuit = [&](auto act) {
      plane->post(handle, [handle, act](Reactor& reactor) { reactor.withCircuit(handle, act); });
    };
    switch (event.kind) {
      case EventKind::kLinkCell:
        plane->post(handle, [handle](Reactor& reactor) {
          reactor.openChannel(handle, false);
          reactor.releaseLinkCell(handle);
        });
        break;
      case EventKind::kCircuitCreate:
        circuit = handle;
        onCircuit(
            [](CellSwitch& cells, Circuit& it) { cells.acceptCircuit(it, {}, makeRelayCrypto(torKeys(1))); });
        break;
      case EventKind::kRelayMessage:
        if (event.b == kPing) {
          onCircuit([](CellSwitch& cells, Circuit& it) { cells.sendRelay(it, 0, kPong, {}); });
        }
        if (event.b == TorDialect::kBegin) {
          connectStream(handle, id);
        }
        break;
      case EventKind::kStreamConnectFailed:
        REQUIRE(refusals-- > 0);
        connectStream(handle, id);
        break;
      case EventKind::kStreamClosed:
        closed.push_back(event);
        break;
      default:
        break;
    }
  }

  void connectStream(Handle handle, uint16_t id) {
    SocketAddress address;
    // Nobody listens on loopback's port 1.
    REQUIRE(isOk(SocketAddress::parse("127.0.0.1", refusals > 0 ? uint16_t{1} : targetPort_, address)));
    plane->post(handle, [handle, id, address](Reactor& reactor) {
      reactor.withCircuit(handle, [id, &address](CellSwitch& cells, Circuit& it) {
        cells.edge().connectStream(it, id, address, kNever, TorDialect::kConnected, Bytes(8, 0));
      });
    });
  }

  int listening_ = -1;
  uint16_t targetPort_ = 0;
  bool created_ = false;
  std::vector<std::unique_ptr<Plug>> targets_;
};

}  // namespace

TEST_CASE("tor exit: a stream's window stops reading of its socket at 500 cells, the circuit's at 1,000") {
  Exit exit;
  Plug& first = exit.open(1);
  Plug& second = exit.open(2);
  Plug& third = exit.open(3);
  first.send(noise(3000 * 498, 1));
  second.send(noise(3000 * 498, 2));
  REQUIRE(exit.until([&] { return exit.count(TorDialect::kData) >= 1000; }));
  exit.fence();
  CHECK(exit.of(1, TorDialect::kData) == 500);
  CHECK(exit.of(2, TorDialect::kData) == 500);
  exit.send(1, TorDialect::kSendme);  // The circuit's window is still at its end.
  third.send({1, 2, 3});
  exit.fence();
  CHECK(exit.count(TorDialect::kData) == 1000);
  size_t data = 0;
  std::vector<Bytes> digests;
  for (const TorMessage& message : exit.messages) {
    if (message.command == TorDialect::kData && ++data % 100 == 0) digests.push_back(message.digest);
  }
  exit.send(0, TorDialect::kSendme, torSendme(digests[0]));
  REQUIRE(exit.until([&] { return exit.dataOf(3) == Bytes{1, 2, 3}; }));
  exit.fence();
  CHECK(exit.of(1, TorDialect::kData) ==
        550);  // By its own SENDME; the circuit's would have let 49 more pass.
  CHECK(exit.of(2, TorDialect::kData) == 500);
  CHECK_FALSE(exit.isDestroyed);
}

TEST_CASE("tor exit: 5,000 cells and more of a download come whole, then END as done") {
  Exit exit;
  exit.acknowledges = true;
  Plug& target = exit.open(9);
  const Bytes sent = noise(5000 * 498);
  target.send(sent);
  REQUIRE(exit.until([&] { return exit.dataOf(9).size() == sent.size(); }));
  target.finish();
  REQUIRE(exit.until([&] { return exit.of(9, TorDialect::kEnd) == 1; }));
  CHECK(exit.dataOf(9) == sent);
  CHECK(exit.messages.back().body == Bytes{TorDialect::kEndDone});
  REQUIRE(exit.until([&] { return exit.closed.size() == 1; }));
  exit.send(9, TorDialect::kData, {1});  // On its way when our END came.
  exit.fence();
  CHECK(exit.streams() == 0);
  CHECK_FALSE(exit.isDestroyed);
  REQUIRE(exit.until([&] { return target.ended; }));
  CHECK(target.received.empty());
}

TEST_CASE(
    "tor exit: an upload of 5,000 cells is acknowledged by 50 and 100 SENDMEs, with the right digests") {
  Exit exit;
  Plug& target = exit.open(9);
  Bytes sent;
  for (uint32_t i = 0; i < 5000; ++i) {
    const size_t circuitSendmes = exit.of(0, TorDialect::kSendme);
    const size_t streamSendmes = exit.of(9, TorDialect::kSendme);
    if (i >= 1000 + circuitSendmes * 100 || i >= 500 + streamSendmes * 50) {
      REQUIRE(exit.until([&] {
        return i < 1000 + exit.of(0, TorDialect::kSendme) * 100 &&
               i < 500 + exit.of(9, TorDialect::kSendme) * 50;
      }));
    }
    const Bytes body = noise(498 - i % 3, i + 1);
    sent.insert(sent.end(), body.begin(), body.end());
    exit.send(9, TorDialect::kData, body);
  }
  REQUIRE(exit.until(
      [&] { return target.received.size() == sent.size() && exit.of(9, TorDialect::kSendme) == 100; }));
  exit.fence();
  CHECK(target.received == sent);
  REQUIRE(exit.of(0, TorDialect::kSendme) == 50);
  CHECK(exit.of(9, TorDialect::kSendme) == 100);
  size_t next = 0;
  for (const TorMessage& message : exit.messages) {
    if (message.command == TorDialect::kSendme && message.streamId == 0)
      CHECK(message.body == torSendme(exit.sealed[next++]));
  }
}

TEST_CASE("tor exit: a target that does not read stops the client; END lets it have all, then FIN") {
  Exit exit;
  Plug& target = exit.open(9);
  target.reads = false;
  Bytes sent;
  const auto mayGoOn = [&] {
    return exit.dataSent < 500 + exit.of(9, TorDialect::kSendme) * 50 &&
           exit.dataSent < 1000 + exit.of(0, TorDialect::kSendme) * 100;
  };
  bool isStopped = false;
  while (!isStopped) {
    while (mayGoOn()) {
      const Bytes body = noise(498, static_cast<uint32_t>(exit.dataSent) + 1);
      sent.insert(sent.end(), body.begin(), body.end());
      exit.send(9, TorDialect::kData, body);
    }
    exit.fence();
    isStopped = !mayGoOn();
    REQUIRE(sent.size() < 64'000'000);  // The kernel's buffers end somewhere.
  }
  CHECK(exit.plane->budget().used() <= 700 * 498);
  bool byEnd = true;
  SUBCASE("END") { exit.send(9, TorDialect::kEnd, {TorDialect::kEndDone}); }
  SUBCASE("DESTROY") {
    byEnd = false;
    exit.link->send(torCell(kId, TorDialect::kDestroy, {9}));
  }
  if (byEnd) {
    exit.fence();
    CHECK(exit.closed.size() == 1);  // The stream is over for the control plane and its ID is free.
  }
  REQUIRE(exit.until([&] { return exit.streams() == 0; }));
  target.reads = true;
  REQUIRE(exit.until([&] { return target.ended || target.failed; }));
  CHECK_FALSE(target.failed);
  CHECK(target.received == sent);
}

TEST_CASE("tor exit: data that comes with the BEGIN waits for a connection and arrives whole") {
  Exit exit;
  SUBCASE("the first address answers") { exit.refusals = 0; }
  SUBCASE("the third address answers") { exit.refusals = 2; }
  Bytes sent;
  exit.link->send(exit.client.seal(9, TorDialect::kBegin));
  for (uint32_t i = 0; i < 500; ++i) {
    const Bytes body = noise(400, i + 1);
    sent.insert(sent.end(), body.begin(), body.end());
    exit.link->send(exit.client.seal(9, TorDialect::kData, body));
  }
  Plug& target = exit.accept();
  REQUIRE(exit.until(
      [&] { return target.received.size() == sent.size() && exit.of(9, TorDialect::kSendme) == 10; }));
  CHECK(target.received == sent);
  size_t connectedAt = 0, firstSendme = SIZE_MAX;
  for (size_t i = 0; i < exit.messages.size(); ++i) {
    const TorMessage& message = exit.messages[i];
    if (message.command == TorDialect::kConnected) connectedAt = i;
    const bool isOfStream = message.command == TorDialect::kSendme && message.streamId == 9;
    if (isOfStream) firstSendme = std::min(firstSendme, i);
  }
  CHECK(connectedAt < firstSendme);  // A client does not know the stream before.
  CHECK(exit.refusals == 0);
}

TEST_CASE("tor exit: END while the target still sends closes its connection soon") {
  Exit exit;
  Plug& target = exit.open(9);
  target.send(noise(40 * 498));
  REQUIRE(exit.until([&] { return exit.dataOf(9).size() == 40 * 498; }));
  exit.send(9, TorDialect::kEnd, {TorDialect::kEndMisc});
  exit.fence(1);
  CHECK(exit.of(9, TorDialect::kEnd) == 0);
  REQUIRE(exit.until([&] { return target.ended; }));
  target.send(noise(4'000'000));
  REQUIRE(exit.until([&] {
    target.send({1});  // Behind a FIN only a send shows that the connection is gone.
    return target.failed;
  }));
  Plug& again = exit.open(9);
  exit.send(9, TorDialect::kData, {5});
  REQUIRE(exit.until([&] { return again.received == Bytes{5}; }));
}

TEST_CASE("tor exit: a connection that is reset ends the stream as such") {
  Exit exit;
  Plug& target = exit.open(9);
  target.close(true);
  REQUIRE(exit.until([&] { return exit.of(9, TorDialect::kEnd) == 1; }));
  CHECK(exit.messages.back().body == Bytes{TorDialect::kEndConnReset});
  CHECK(exit.streams() == 0);
}

TEST_CASE("tor exit: more than a window ends the circuit as a fault of the protocol") {
  Exit exit;
  Plug& target = exit.open(9);
  target.reads = false;
  SUBCASE("of the circuit") {
    for (int i = 0; i < 3000 && !exit.isDestroyed; ++i) {
      exit.send(static_cast<uint16_t>(1000 + i), TorDialect::kData, {1});
    }
    // Acknowledged as they come, the circuit's window cannot be overrun by a client that is only fast.
    exit.fence(1);
    CHECK_FALSE(exit.isDestroyed);
    exit.send(0, TorDialect::kData, {1});
  }
  SUBCASE("a SENDME too many") { exit.send(9, TorDialect::kSendme); }
  REQUIRE(exit.until([&] { return exit.isDestroyed; }));
  CHECK(exit.destroyReason == TorDialect::kProtocol);
  CHECK(exit.streams() == 0);
}

}  // namespace kist
