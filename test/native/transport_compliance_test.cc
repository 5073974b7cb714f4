#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "transport_rig.h"

// Every kind of transport in the registry, and the memory transport in each of its modes, must do all of
// this.

using namespace kist;

namespace {

struct Variant {
  std::string name;
  const TransportEntry* entry;
  SocketOptions socket;
  MemoryOptions memory;
};

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const TransportEntry& entry : transportEntries()) all.push_back({entry.name, &entry, {}, {}});
  const TransportEntry* memory = findTransport("memory");
  all.push_back({"memory, small", memory, {}, {.capacity = 3000}});
  all.push_back({"memory, records", memory, {}, {.capacity = 100'000, .records = true}});
  all.push_back({"memory, short writes", memory, {}, {.capacity = 5000, .records = true, .maxWrite = 700}});
  SocketOptions segments;
  segments.maxSegment = 1448;
  segments.sendBuffer = 16 * 1024;
  all.push_back({"tcp, small segments and buffer", findTransport("tcp"), segments, {}});
  all.push_back({"tls, small segments and buffer", findTransport("tls"), segments, {}});
  return all;
}

/// Runs `check` with a fresh connection of every variant.
void forEach(const std::function<void(TransportRig&)>& check) {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    TransportRig rig(*variant.entry, variant.socket, variant.memory);
    rig.listen();
    rig.connect();
    check(rig);
  }
}

/// Writes `bytes` in pieces of changing size, waiting for writability where the transport is full.
struct Sender {
  Sender(TransportProbe& from, std::vector<uint8_t> all) : probe(from), bytes(std::move(all)) {
    probe.whenWritable = [this] { go(); };
  }
  void go() {
    while (sent < bytes.size()) {
      seed = seed * 1664525u + 1013904223u;
      const size_t piece = std::min<size_t>(bytes.size() - sent, 1 + (seed >> 8) % 40'000);
      const IoResult result = probe.write(ByteSpan(bytes).subspan(sent, piece));
      if (result.status != Status::kOk) {
        CHECK(result.status == Status::kWouldBlock);
        return probe.watchWritable();
      }
      CHECK(result.bytes > 0);
      CHECK(result.bytes <= piece);
      sent += result.bytes;
    }
  }
  bool done() const { return sent == bytes.size(); }

  TransportProbe& probe;
  std::vector<uint8_t> bytes;
  size_t sent = 0;
  uint32_t seed = 7;
};

}  // namespace

TEST_CASE("transport: a megabyte each way arrives whole and in order") {
  forEach([](TransportRig& rig) {
    Sender up(rig.client, testBytes(1 << 20, 3));
    Sender back(rig.server, testBytes(1 << 20, 4));
    up.go();
    back.go();
    REQUIRE(rig.until(
        [&] { return rig.server.received.size() >= 1 << 20 && rig.client.received.size() >= 1 << 20; }));
    CHECK(rig.server.received == up.bytes);
    CHECK(rig.client.received == back.bytes);
    CHECK(rig.client.transport().queuedBytes() == 0);
  });
}

TEST_CASE("transport: a peer that does not read holds the writer back, and nothing is lost") {
  forEach([](TransportRig& rig) {
    rig.server.setReading(false);
    Sender up(rig.client, testBytes(32 << 20));
    up.go();
    rig.turns(30);
    CHECK(!up.done());
    CHECK(rig.server.readable == 0);
    const uint64_t stuck = up.sent;
    rig.turns(5);
    CHECK(up.sent - stuck <= 4 << 20);
    up.bytes.resize(up.sent);  // What was accepted must still come, although nothing newer is written.
    rig.server.setReading(true);
    REQUIRE(rig.until([&] { return rig.server.received.size() == up.sent; }));
    CHECK(rig.server.received == up.bytes);
  });
}

TEST_CASE("transport: what was written before a close arrives, then the end") {
  forEach([](TransportRig& rig) {
    const std::vector<uint8_t> bytes = testBytes(2000);
    size_t sent = 0;
    while (sent < bytes.size()) {
      const IoResult result = rig.client.write(ByteSpan(bytes).subspan(sent));
      if (result.status != Status::kOk) break;
      sent += result.bytes;
    }
    CHECK(sent > 0);
    rig.client.close(false);
    REQUIRE(rig.until([&] { return rig.server.ended; }));
    CHECK(rig.server.received ==
          std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sent)));
    CHECK(rig.server.failed == 0);
    const int calls = rig.server.calls();
    rig.turns(5);
    CHECK(rig.server.calls() == calls);  // The end is told once, not in every turn.
  });
}

TEST_CASE("transport: an end read outside an upward call is not announced again") {
  forEach([](TransportRig& rig) {
    rig.server.whenReadable = [] {};
    rig.client.close(false);
    REQUIRE(rig.until([&] { return rig.server.readable > 1; }));
    rig.server.readAll();
    CHECK(rig.server.ended);
    const int calls = rig.server.calls();
    rig.turns(5);
    CHECK(rig.server.calls() == calls);
  });
}

TEST_CASE("transport: half a close ends one direction only") {
  forEach([](TransportRig& rig) {
    CHECK(isOk(rig.client.transport().shutdownWrite()));
    REQUIRE(rig.until([&] { return rig.server.ended; }));
    CHECK(rig.client.write(testBytes(10)).status == Status::kError);
    CHECK(rig.server.write(testBytes(500)).bytes == 500);
    REQUIRE(rig.until([&] { return rig.client.received.size() == 500; }));
    CHECK(!rig.client.ended);
  });
}

TEST_CASE("transport: an end that comes while not reading waits, without costing turns") {
  forEach([](TransportRig& rig) {
    rig.client.setReading(false);
    CHECK(isOk(rig.client.transport().shutdownWrite()));
    CHECK(rig.server.write(testBytes(500)).bytes == 500);
    REQUIRE(rig.until([&] { return rig.server.ended; }));
    rig.server.close(false);
    rig.turns(3);
    const uint64_t events = rig.loop().stats().fdEvents;
    rig.turns(10);
    CHECK(rig.loop().stats().fdEvents == events);
    CHECK(rig.client.readable == 0);
    CHECK(rig.client.failed == 0);
    rig.client.setReading(true);
    REQUIRE(rig.until([&] { return rig.client.ended; }));
    CHECK(rig.client.received.size() == 500);
  });
}

TEST_CASE("transport: a reset shows as an error of read, or fails an end that does not read") {
  forEach([](TransportRig& rig) {
    rig.client.close(true);
    REQUIRE(rig.until([&] { return rig.server.readError != 0; }));
    CHECK(rig.server.readError == ECONNRESET);
  });
  forEach([](TransportRig& rig) {
    rig.server.setReading(false);
    rig.client.close(true);
    REQUIRE(rig.until([&] { return rig.server.failed != 0; }));
    CHECK(rig.server.failure == ECONNRESET);
    const int calls = rig.server.calls();
    const uint64_t events = rig.loop().stats().fdEvents;
    rig.turns(10);
    CHECK(rig.server.calls() == calls);
    CHECK(rig.loop().stats().fdEvents == events);
  });
}

TEST_CASE("transport: writability is told once for each watch") {
  forEach([](TransportRig& rig) {
    rig.turns(5);
    CHECK(rig.client.writable == 0);
    rig.client.watchWritable();
    rig.client.watchWritable();
    REQUIRE(rig.until([&] { return rig.client.writable == 1; }));
    rig.turns(5);
    CHECK(rig.client.writable == 1);
    rig.client.whenWritable = [&] {
      if (rig.client.writable < 4) rig.client.watchWritable();
    };
    rig.client.watchWritable();
    REQUIRE(rig.until([&] { return rig.client.writable == 4; }));
    rig.turns(5);
    CHECK(rig.client.writable == 4);
  });
}

TEST_CASE("transport: readability is told again while input stays") {
  forEach([](TransportRig& rig) {
    CHECK(rig.client.write(testBytes(400)).bytes == 400);
    int told = 0;
    rig.server.whenReadable = [&] { ++told; };
    REQUIRE(rig.until([&] { return told >= 3; }));
    rig.server.setReading(false);
    rig.turns(3);
    const int before = told;
    rig.turns(3);
    CHECK(told == before);
    rig.server.whenReadable = nullptr;
    rig.server.setReading(true);
    REQUIRE(rig.until([&] { return rig.server.received.size() == 400; }));
  });
}

TEST_CASE("transport: buffered input is announced by hasBufferedInput alone") {
  forEach([](TransportRig& rig) {
    CHECK(rig.client.write(testBytes(600)).bytes == 600);
    size_t got = 0;
    rig.server.whenReadable = [&] {
      uint8_t few[100];
      do {
        const IoResult result = rig.server.readInto(few);
        if (result.status != Status::kOk) break;
        got += result.bytes;
      } while (rig.server.transport().hasBufferedInput());
    };
    REQUIRE(rig.until([&] { return got == 600; }));
    CHECK(!rig.server.transport().hasBufferedInput());
  });
}

TEST_CASE("transport: wire bytes never fall short of the bytes, and add up") {
  forEach([](TransportRig& rig) {
    const Transport& transport = rig.client.transport();
    CHECK(transport.wireBytes(0) == 0);
    for (uint64_t bytes : {1, 512, 514, 16384, 16385, 1 << 20}) {
      CHECK(transport.wireBytes(bytes) >= bytes);
      CHECK(transport.wireBytes(bytes) <= bytes + 512 * (1 + bytes / 4096));
      CHECK(transport.wireBytes(bytes + 1) > transport.wireBytes(bytes));
    }
  });
}

TEST_CASE("transport: no call follows a close, not even of the same turn") {
  forEach([](TransportRig& rig) {
    CHECK(rig.client.write(testBytes(100)).bytes == 100);
    CHECK(rig.server.write(testBytes(100)).bytes == 100);
    rig.server.watchWritable();
    rig.client.watchWritable();
    rig.server.whenReadable = [&] {
      rig.server.close(false);
      rig.client.close(false);
    };
    rig.client.whenReadable = rig.server.whenReadable;
    REQUIRE(rig.until([&] { return rig.server.readable + rig.client.readable > 0; }));
    const int calls = rig.server.calls() + rig.client.calls();
    rig.turns(5);
    CHECK(rig.server.calls() + rig.client.calls() == calls);
    CHECK(rig.server.write(testBytes(1)).status == Status::kClosed);
    rig.server.close(true);
  });
}

TEST_CASE("transport: may be destroyed in any upward call") {
  forEach([](TransportRig& rig) {
    CHECK(rig.client.write(testBytes(100)).bytes == 100);
    rig.server.watchWritable();
    rig.server.whenReadable = [&] { rig.server.drop(); };
    rig.client.whenWritable = [&] { rig.client.drop(); };
    rig.client.watchWritable();
    REQUIRE(rig.until([&] { return !rig.server.hasTransport() && !rig.client.hasTransport(); }));
    rig.turns(3);
  });
}

TEST_CASE("transport: connecting where nobody listens is refused") {
  for (const TransportEntry& entry : transportEntries()) {
    CAPTURE(entry.name);
    TransportRig rig(entry, {}, {});
    rig.listen();
    const uint16_t port = rig.listener->port();
    rig.listener.reset();
    Status status = Status::kOk;
    int error = 0;
    TransportProbe probe;
    probe.take(entry.connect(rig.context(), "127.0.0.1", port, kNever, status, error));
    if (probe.hasTransport()) {
      REQUIRE(isOk(probe.start()));
      REQUIRE(rig.until([&] { return probe.failed == 1; }));
      error = probe.failure;
    }
    CHECK(error == ECONNREFUSED);
    CHECK(probe.connected == 0);
  }
}

TEST_CASE("transport: a name in the registry is found, another is not") {
  CHECK(findTransport("tcp") != nullptr);
  CHECK(findTransport("tls") != nullptr);
  CHECK(findTransport("memory") != nullptr);
  CHECK(findTransport("pigeon") == nullptr);
}
