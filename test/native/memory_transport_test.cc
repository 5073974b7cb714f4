#include "transport/memory_transport.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "loop/reactor_thread.h"
#include "transport_rig.h"

using namespace kist;

namespace {

/// The two ends on one manual loop.
struct Ends {
  explicit Ends(const MemoryOptions& options) {
    MemoryTransport::Pair ends = MemoryTransport::pair(loop, loop, options);
    first = ends.first.get();
    near.take(std::move(ends.first));
    far.take(std::move(ends.second));
    REQUIRE(isOk(near.start()));
    REQUIRE(isOk(far.start()));
    loop.runUntilQuiet();
  }
  ManualLoop loop;
  MemoryTransport* first = nullptr;
  TransportProbe near, far;
};

}  // namespace

TEST_CASE("memory: a record that the pipe did not take is queued, and nothing newer is accepted before it") {
  Ends ends({.capacity = 10'000, .records = true});
  ends.far.setReading(false);
  const std::vector<uint8_t> bytes = testBytes(20'000);
  const IoResult first = ends.near.write(bytes);
  CHECK(first.bytes == kMemoryRecordBytes);
  CHECK(ends.near.transport().queuedBytes() == kMemoryRecordBytes + kMemoryRecordOverhead - 10'000);
  CHECK(ends.near.write(bytes).status == Status::kWouldBlock);
  ends.near.watchWritable();
  ends.loop.runUntilQuiet();
  CHECK(ends.near.writable == 0);
  ends.far.setReading(true);
  ends.loop.runUntilQuiet();
  CHECK(ends.near.writable == 1);
  CHECK(ends.near.transport().queuedBytes() == 0);
  CHECK(ends.far.received == std::vector<uint8_t>(bytes.begin(), bytes.begin() + kMemoryRecordBytes));
}

TEST_CASE("memory: wire bytes count 22 bytes for each record") {
  Ends ends({.records = true});
  const Transport& transport = ends.near.transport();
  CHECK(transport.wireBytes(0) == 0);
  CHECK(transport.wireBytes(514) == 536);
  CHECK(transport.wireBytes(16384) == 16384 + 22);
  CHECK(transport.wireBytes(16385) == 16385 + 44);
}

TEST_CASE("memory: the low-water mark caps what waits unread, and tells at half of it") {
  Ends ends({.capacity = 1 << 20});
  ends.far.whenReadable = [] {};
  REQUIRE(ends.near.transport().setNotsentLowat(8000));
  CHECK(ends.near.write(testBytes(20'000)).bytes == 8000);
  CHECK(ends.near.write(testBytes(1)).status == Status::kWouldBlock);
  ends.near.watchWritable();
  uint8_t some[4000];
  CHECK(ends.far.readInto(some).bytes == 4000);
  ends.loop.step();
  CHECK(ends.near.writable == 0);
  CHECK(ends.far.readInto({some, 1}).bytes == 1);
  ends.loop.step();
  CHECK(ends.near.writable == 1);
}

TEST_CASE("memory: a stalled direction delivers nothing until it goes on, the other one does") {
  Ends ends({});
  ends.first->setStalled(true);
  CHECK(ends.near.write(testBytes(100)).bytes == 100);
  CHECK(ends.far.write(testBytes(50)).bytes == 50);
  CHECK(ends.loop.runUntilQuiet());
  CHECK(ends.far.received.empty());
  CHECK(ends.near.received.size() == 50);
  ends.first->setStalled(false);
  ends.loop.runUntilQuiet();
  CHECK(ends.far.received.size() == 100);
}

TEST_CASE("memory: an injected reset reaches both ends") {
  Ends ends({});
  ends.far.setReading(false);
  ends.first->injectReset();
  ends.loop.runUntilQuiet();
  CHECK(ends.near.readError == ECONNRESET);
  CHECK(ends.far.failure == ECONNRESET);
  CHECK(ends.near.write(testBytes(1)).status == Status::kError);
}

TEST_CASE("memory: a name can be taken once; ends nobody takes over are closed") {
  MemoryHub hub;
  ManualLoop loop;
  TransportContext context{loop, &hub, {}, {}, nullptr};
  struct Nobody final : TransportListener::Handler {
    void onTransportAccepted(std::unique_ptr<Transport>, const std::string&) override { ++accepted; }
    int accepted = 0;
  } nobody;
  const TransportEntry& entry = *findTransport("memory");
  Status status = Status::kOk;
  int error = 0;
  auto listener = entry.listen(context, "relay", 9, nobody, status, error);
  REQUIRE(listener != nullptr);
  CHECK(entry.listen(context, "relay", 9, nobody, status, error) == nullptr);
  CHECK(status == Status::kInUse);
  TransportProbe probe;
  probe.take(entry.connect(context, "relay", 9, kNever, status, error));
  REQUIRE(isOk(probe.start()));
  listener.reset();
  loop.runUntilQuiet();
  CHECK(nobody.accepted == 0);
  CHECK(probe.ended);
  CHECK(entry.connect(context, "relay", 9, kNever, status, error) == nullptr);
  CHECK(error == ECONNREFUSED);
}

TEST_CASE("memory: two loops on two threads pass a stream through") {
  /// Writes what it reads back to where it came from.
  struct Echo final : Transport::Listener {
    void onTransportConnected() override {}
    void onTransportReadable() override { pump(); }
    void onTransportWritable() override { pump(); }
    void onTransportFailed(int) override {}
    void pump() {
      while (true) {
        if (held.empty()) {
          uint8_t bytes[5000];
          const IoResult got = transport->read(bytes);
          if (got.status != Status::kOk) return;
          held.assign(bytes, bytes + got.bytes);
        }
        const iovec part{held.data(), held.size()};
        const IoResult put = transport->write(&part, 1);
        held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(put.bytes));
        if (!held.empty()) {
          transport->setReading(false);
          return transport->watchWritable();
        }
        transport->setReading(true);
      }
    }
    std::unique_ptr<MemoryTransport> transport;
    std::vector<uint8_t> held;
  };
  int error = 0;
  auto here = EpollLoop::create(error);
  auto thread = ReactorThread::create(error);
  REQUIRE(here != nullptr);
  REQUIRE(thread != nullptr);
  MemoryTransport::Pair ends =
      MemoryTransport::pair(*here, thread->loop(), {.capacity = 20'000, .records = true});
  Echo echo;
  echo.transport = std::move(ends.second);
  REQUIRE(isOk(echo.transport->start(echo)));
  REQUIRE(isOk(thread->start("echo", error)));
  TransportProbe probe;
  probe.take(std::move(ends.first));
  REQUIRE(isOk(probe.start()));
  const std::vector<uint8_t> bytes = testBytes(1 << 20);
  size_t sent = 0;
  for (int i = 0; i < 100'000 && probe.received.size() < bytes.size(); ++i) {
    if (sent < bytes.size()) {
      const size_t piece = std::min<size_t>(bytes.size() - sent, 9000);
      sent += probe.write(ByteSpan(bytes).subspan(sent, piece)).bytes;
    }
    here->runOnce(sent < bytes.size() ? 0 : 10 * kMillisecond);
  }
  CHECK(probe.received == bytes);
  thread->stop();
}
