#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "registry/dialects.h"
#include "support_echo.h"
#include "support_tor.h"
#include "transport/socket_address.h"

namespace kist {

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
class TorExit {
 public:
  static constexpr uint32_t kId = 0x80000007u;
  static constexpr uint8_t kPing = 98, kPong = 99;

  TorExit() {
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
  ~TorExit() {
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

}  // namespace kist
