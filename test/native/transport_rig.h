#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/epoll_loop.h"
#include "loop/manual_loop.h"
#include "registry/transports.h"
#include "tls_test_identity.h"
#include "transport/tls_transport.h"

namespace kist {

/// Listens to one transport, notes what it is told and reads all it can. Checks that no upward call comes
/// from inside a downward one.
class TransportProbe : public Transport::Listener {
 private:
  template <typename F>
  auto down(F&& call) {
    ++depth_;
    auto result = call();
    --depth_;
    return result;
  }

 public:
  void take(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); }
  Transport& transport() { return *transport_; }
  bool hasTransport() const { return transport_ != nullptr; }
  void drop() { transport_.reset(); }

  Status start() {
    return down([&] { return transport_->start(*this); });
  }
  IoResult write(ByteSpan bytes) {
    const iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
    return down([&] { return transport_->write(&part, 1); });
  }
  IoResult readInto(MutableByteSpan into) {
    return down([&] { return transport_->read(into); });
  }
  void setReading(bool enabled) {
    down([&] { return transport_->setReading(enabled), 0; });
  }
  void watchWritable() {
    down([&] { return transport_->watchWritable(), 0; });
  }
  void close(bool reset) {
    down([&] { return transport_->close(reset), 0; });
  }
  void readAll() {
    std::vector<uint8_t> buffer(readBytes);
    while (true) {
      const IoResult result = readInto(buffer);
      if (result.status == Status::kOk) {
        received.insert(received.end(), buffer.begin(),
                        buffer.begin() + static_cast<std::ptrdiff_t>(result.bytes));
        continue;
      }
      if (result.status == Status::kClosed) ended = true;
      if (result.status == Status::kError) readError = result.error;
      return;
    }
  }

  void onTransportConnected() override { up(), ++connected; }
  void onTransportReadable() override {
    up(), ++readable;
    if (whenReadable) return whenReadable();
    readAll();
  }
  void onTransportWritable() override {
    up(), ++writable;
    if (whenWritable) whenWritable();
  }
  void onTransportFailed(int error) override { up(), ++failed, failure = error; }

  int calls() const { return connected + readable + writable + failed; }

  int connected = 0, readable = 0, writable = 0, failed = 0;
  int failure = 0, readError = 0;
  bool ended = false;
  size_t readBytes = 7000;
  std::vector<uint8_t> received;
  std::function<void()> whenReadable, whenWritable;

 private:
  void up() { CHECK(depth_ == 0); }

  std::unique_ptr<Transport> transport_;
  int depth_ = 0;
};

/// One loop, one listener and the two ends of one connection of a kind of transport.
class TransportRig : public TransportListener::Handler {
 public:
  TransportRig(const TransportEntry& entry, const SocketOptions& options, const MemoryOptions& memory)
      : entry_(entry), loop_(makeLoop(entry)), context_{*loop_, &hub_, options, memory, nullptr} {
    if (isTls()) context_.tls = sharedTestIdentity();
  }

  void listen() {
    Status status = Status::kOk;
    int error = 0;
    listener = entry_.listen(context_, "127.0.0.1", 0, *this, status, error);
    REQUIRE(listener != nullptr);
  }
  void connect() {
    Status status = Status::kOk;
    int error = 0;
    client.take(entry_.connect(context_, "127.0.0.1", listener->port(), kNever, status, error));
    REQUIRE(client.hasTransport());
    REQUIRE(isOk(client.start()));
    REQUIRE(until([&] { return client.connected == 1 && server.hasTransport() && isServerReady(); }));
  }
  void onTransportAccepted(std::unique_ptr<Transport> transport, const std::string& /*peer*/) override {
    server.take(std::move(transport));
    REQUIRE(isOk(server.start()));
  }

  /// One turn; sleeps for 10 ms at most.
  void turn() { turnWithin(10 * kMillisecond); }
  void turnAwake() { turnWithin(0); }
  void turnWithin(TimeNs sleep) {
    if (entry_.needsDescriptors) {
      static_cast<EpollLoop&>(*loop_).runOnce(sleep);
    } else {
      static_cast<ManualLoop&>(*loop_).step();
    }
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) turn();
  }
  bool until(const std::function<bool()>& condition, int most = 20'000) {
    for (int i = 0; i < most; ++i) {
      if (condition()) return true;
      turn();
    }
    return condition();
  }

  bool isTls() const { return std::string(entry_.name) == "tls"; }
  /// An accepted end counts as connected at once, but can write only after a handshake.
  bool isServerReady() { return !isTls() || static_cast<TlsTransport&>(server.transport()).isEstablished(); }

  EventLoop& loop() { return *loop_; }
  TransportContext& context() { return context_; }

 private:
  static std::unique_ptr<EventLoop> makeLoop(const TransportEntry& entry) {
    if (!entry.needsDescriptors) return std::make_unique<ManualLoop>();
    int error = 0;
    std::unique_ptr<EpollLoop> loop = EpollLoop::create(error);
    REQUIRE(loop != nullptr);
    return loop;
  }

  const TransportEntry& entry_;
  MemoryHub hub_;
  std::unique_ptr<EventLoop> loop_;
  TransportContext context_;

 public:
  std::unique_ptr<TransportListener> listener;
  TransportProbe client, server;
};

/// Repeatable bytes.
inline std::vector<uint8_t> testBytes(size_t count, uint32_t seed = 1) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

}  // namespace kist
