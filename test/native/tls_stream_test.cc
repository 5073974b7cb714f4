#include <doctest/doctest.h>
#include <malloc.h>

#include <cerrno>

#include "tls_peer.h"

using namespace kist;

namespace {

struct Cipher {
  const char* name;
  TlsPeer::Options options;
  uint64_t overhead;  ///< Of a record, by RFC 8446 5.2, RFC 5288 3 and RFC 7905 2.
};

std::vector<Cipher> ciphers() {
  std::vector<Cipher> all;
  for (const char* suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    all.push_back({suite, {.minVersion = TLS1_3_VERSION, .cipherSuite = suite}, 22});
  }
  for (const char* suite : {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"}) {
    all.push_back({suite, {.maxVersion = TLS1_2_VERSION, .ciphers = suite}, 29});
  }
  const char* chacha = "ECDHE-ECDSA-CHACHA20-POLY1305";
  all.push_back({chacha, {.maxVersion = TLS1_2_VERSION, .ciphers = chacha}, 21});
  return all;
}

/// Writes `bytes` in pieces of `piece` as the transport takes them.
class Writer {
 public:
  Writer(TransportProbe& to, const std::vector<uint8_t>& bytes, size_t piece)
      : to_(to), bytes_(bytes), piece_(piece) {
    to_.whenWritable = [this] { go(); };
  }
  void go() {
    while (sent < bytes_.size()) {
      const IoResult result =
          to_.write(ByteSpan(bytes_).subspan(sent, std::min(piece_, bytes_.size() - sent)));
      if (result.status != Status::kOk) {
        CHECK(result.status == Status::kWouldBlock);
        return to_.watchWritable();
      }
      wire += to_.transport().wireBytes(result.bytes);
      sent += result.bytes;
    }
  }
  size_t sent = 0;
  uint64_t wire = 0;  ///< What the transport said that it costs.

 private:
  TransportProbe& to_;
  const std::vector<uint8_t>& bytes_;
  size_t piece_;
};

/// `amount` bytes each way with records of `record` bytes from the peer, writes of `piece` to it.
void exchange(TlsPeerRig& rig, size_t amount, size_t record, size_t piece) {
  rig.shakeHands();
  const std::vector<uint8_t> there = testBytes(amount, 5), back = testBytes(amount, 6);
  const uint64_t wireBefore = rig.peer->wireIn;
  rig.peer->send(back, record);
  Writer writer(rig.end(), there, piece);
  writer.go();
  REQUIRE(rig.pumpUntil(
      [&] { return rig.peer->received.size() >= amount && rig.end().received.size() >= amount; }, 20'000));
  CHECK(rig.peer->received == there);
  CHECK(rig.end().received == back);
  CHECK(rig.peer->wireIn - wireBefore == writer.wire);
  CHECK(rig.transport().queuedBytes() == 0);
  CHECK(!rig.transport().hasBufferedInput());
}

}  // namespace

TEST_CASE("tls: bytes are exact both ways for records of any size") {
  for (const bool accepting : {true, false}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      for (const size_t size : {1, 2, 100, 514, 4096, 16'383, 16'384}) {
        CAPTURE(size);
        TlsPeerRig rig;
        rig.makeEnd(accepting, {.minVersion = version, .maxVersion = version});
        exchange(rig, std::min<size_t>(size * 600, 1'000'000), size, size);
      }
    }
  }
}

TEST_CASE("tls: bytes are exact into small buffers of the kernel, and for readers with little room") {
  SocketOptions small;
  small.sendBuffer = 4096;
  small.receiveBuffer = 4096;
  small.maxSegment = 536;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const size_t readBytes : {1, 333, 16'384, 128 * 1024}) {
      CAPTURE(readBytes);
      TlsPeerRig rig(small);
      rig.acceptPeer({.minVersion = version, .maxVersion = version}, small);
      rig.end().readBytes = readBytes;
      exchange(rig, 200'000, 16'384, 70'000);
    }
  }
}

TEST_CASE("tls: wire bytes are what is seen on the wire, for every cipher") {
  for (const Cipher& cipher : ciphers()) {
    CAPTURE(cipher.name);
    for (const bool accepting : {true, false}) {
      TlsPeerRig rig;
      rig.makeEnd(accepting, cipher.options);
      rig.shakeHands();
      for (const size_t size : {1, 514, 16'384, 16'385, 50'000, 65'536, 100'000}) {
        CAPTURE(size);
        const uint64_t before = rig.peer->wireIn;
        const size_t received = rig.peer->received.size();
        REQUIRE(rig.end().write(testBytes(size)).bytes == size);
        const uint64_t records = (size + 16'383) / 16'384;
        CHECK(rig.transport().wireBytes(size) == size + records * cipher.overhead);
        REQUIRE(rig.pumpUntil([&] { return rig.peer->received.size() == received + size; }));
        CHECK(rig.peer->wireIn - before == rig.transport().wireBytes(size));
      }
    }
  }
}

TEST_CASE("tls: scattered bytes go out in the fewest records") {
  TlsPeerRig rig;
  rig.acceptPeer({});
  rig.shakeHands();
  std::vector<uint8_t> bytes = testBytes(60 * 1028);
  std::vector<iovec> parts;
  for (size_t i = 0; i < 60; ++i) parts.push_back({bytes.data() + i * 1028, 1028});
  const uint64_t before = rig.peer->wireIn;
  REQUIRE(rig.transport().write(parts.data(), 60).bytes == bytes.size());
  REQUIRE(rig.pumpUntil([&] { return rig.peer->received.size() == bytes.size(); }));
  CHECK(rig.peer->received == bytes);
  CHECK(rig.peer->wireIn - before == bytes.size() + 4 * 22);
}

TEST_CASE("tls: ciphertext that the kernel did not take is counted, bounded, and goes out unasked") {
  SocketOptions small;
  small.sendBuffer = 8 * 1024;
  small.receiveBuffer = 8 * 1024;
  TlsPeerRig rig(small);
  rig.acceptPeer({}, small);
  rig.shakeHands();
  const uint64_t before = rig.peer->wireIn;
  const std::vector<uint8_t> bytes = testBytes(1 << 20);
  uint64_t taken = 0;
  uint64_t wire = 0;
  for (IoResult result = rig.end().write(bytes); result.status == Status::kOk;
       result = rig.end().write(ByteSpan(bytes).subspan(taken))) {
    wire += rig.transport().wireBytes(result.bytes);
    taken += result.bytes;
  }
  CHECK(taken < 200'000);
  CHECK(rig.transport().queuedBytes() > 0);
  CHECK(rig.transport().queuedBytes() <= 4 * (16'384 + 22));
  const uint64_t queued = rig.transport().queuedBytes();
  rig.turns(3);
  CHECK(rig.end().writable == 0);
  CHECK(rig.transport().queuedBytes() <= queued);
  // Nobody watches or writes any more: it must come all the same.
  REQUIRE(rig.pumpUntil([&] { return rig.peer->received.size() == taken; }));
  CHECK(rig.peer->wireIn - before == wire);
  CHECK(rig.transport().queuedBytes() == 0);
  CHECK(rig.end().writable == 0);
  CHECK(std::equal(rig.peer->received.begin(), rig.peer->received.end(), bytes.begin()));
}

TEST_CASE("tls: a reader that takes little at a time is told until all was read, and then of the end") {
  for (const bool accepting : {true, false}) {
    TlsPeerRig rig;
    rig.makeEnd(accepting, {});
    rig.shakeHands();
    const std::vector<uint8_t> bytes = testBytes(16'384 + 500);
    std::vector<uint8_t> got;
    bool ended = false;
    rig.end().whenReadable = [&] {
      uint8_t few[1000];
      const IoResult result = rig.end().readInto(few);
      got.insert(got.end(), few, few + result.bytes);
      ended = result.status == Status::kClosed;
    };
    rig.peer->send(bytes);
    REQUIRE(rig.pumpUntil([&] { return got.size() >= 3000; }));
    CHECK(rig.transport().hasBufferedInput());
    rig.end().setReading(false);  // The descriptor has nothing more: only the transport knows.
    const size_t before = got.size();
    rig.turns(2);
    CHECK(got.size() == before);
    rig.end().setReading(true);
    REQUIRE(rig.until([&] { return got.size() == bytes.size(); }, 300));
    CHECK(got == bytes);
    CHECK(!ended);
    rig.peer->send(bytes, 700);
    rig.peer->sayClose();
    REQUIRE(rig.pumpUntil([&] { return ended; }));
    CHECK(got.size() == 2 * bytes.size());
  }
}

TEST_CASE("tls: half a close follows what is queued, and the other direction goes on") {
  SocketOptions small;
  small.sendBuffer = 8 * 1024;
  small.receiveBuffer = 8 * 1024;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPeerRig rig(small);
    rig.acceptPeer({.minVersion = version, .maxVersion = version}, small);
    rig.shakeHands();
    const std::vector<uint8_t> bytes = testBytes(60'000);
    const size_t taken = rig.end().write(bytes).bytes;
    CHECK(rig.transport().queuedBytes() > 0);
    CHECK(isOk(rig.transport().shutdownWrite()));
    CHECK(isOk(rig.transport().shutdownWrite()));
    CHECK(rig.end().write(bytes).error == EPIPE);
    CHECK(!rig.peer->hungUp);
    REQUIRE(rig.pumpUntil([&] { return rig.peer->ended && rig.peer->hungUp; }));
    CHECK(rig.peer->received ==
          std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<long>(taken)));
    rig.peer->send(bytes);
    REQUIRE(rig.pumpUntil([&] { return rig.end().received.size() == bytes.size(); }));
    CHECK(rig.end().received == bytes);
    CHECK(!rig.end().ended);
  }
}

TEST_CASE("tls: a reset while ciphertext is queued fails an end that does not read") {
  SocketOptions small;
  small.sendBuffer = 8 * 1024;
  TlsPeerRig rig(small);
  rig.acceptPeer({}, small);
  rig.shakeHands();
  rig.end().setReading(false);
  while (rig.end().write(testBytes(60'000)).status == Status::kOk) continue;
  CHECK(rig.transport().queuedBytes() > 0);
  const linger reset{1, 0};
  setsockopt(rig.peer->fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  rig.peer->drop();
  REQUIRE(rig.until([&] { return rig.end().failed == 1; }));
  CHECK(rig.end().failure != 0);
  CHECK(rig.transport().queuedBytes() == 0);
  const int calls = rig.end().calls();
  rig.turns(3);
  CHECK(rig.end().calls() == calls);
  CHECK(rig.end().write(testBytes(1)).status == Status::kError);
}

TEST_CASE("tls: keys renewed in mid stream disturb nothing") {
  TlsPeerRig rig;
  rig.connectToPeer({.minVersion = TLS1_3_VERSION});
  rig.shakeHands();
  const std::vector<uint8_t> bytes = testBytes(300'000);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(SSL_key_update(rig.peer->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    rig.peer->send(bytes, 7000);
    size_t sent = 0;
    const size_t received = rig.peer->received.size();
    REQUIRE(rig.pumpUntil([&] {
      sent += rig.end().write(ByteSpan(bytes).subspan(sent)).bytes;
      return rig.peer->received.size() == received + bytes.size();
    }));
    REQUIRE(rig.pumpUntil([&] { return rig.end().received.size() == bytes.size(); }));
    CHECK(rig.end().received == bytes);
    rig.end().received.clear();
  }
  CHECK(std::equal(bytes.begin(), bytes.end(), rig.peer->received.end() - 300'000));
}

namespace {

/// Ends of accepted connections that answer nothing.
struct Crowd : TransportListener::Handler, Transport::Listener {
  void onTransportAccepted(std::unique_ptr<Transport> transport, const std::string& /*peer*/) override {
    REQUIRE(isOk(transport->start(*this)));
    ends.push_back(std::move(transport));
  }
  void onTransportConnected() override { ++connected; }
  void onTransportReadable() override {
    std::vector<uint8_t> room(1 << 16);
    for (auto& end : ends) {
      IoResult result = end->read(room);
      for (; result.status == Status::kOk; result = end->read(room)) received += result.bytes;
    }
  }
  void onTransportWritable() override {}
  void onTransportFailed(int /*error*/) override { ++failed; }

  std::vector<std::unique_ptr<Transport>> ends;
  size_t connected = 0, failed = 0;
  uint64_t received = 0;
};

}  // namespace

TEST_CASE("tls: an idle connection holds little memory, also after it carried data") {
  // Both ends of each connection are in this process; a sanitizer's allocator counts nothing.
  const uint64_t descriptors = raiseDescriptorLimit();
  REQUIRE(descriptors > 400);
  const size_t connections = std::min<size_t>(1000, (descriptors - 200) / 100 * 50);
  TransportRig rig(*findTransport("tls"), {}, {});
  Crowd crowd;
  Status status = Status::kOk;
  int error = 0;
  const TransportEntry& entry = *findTransport("tls");
  const auto listener = entry.listen(rig.context(), "127.0.0.1", 0, crowd, status, error);
  REQUIRE(listener != nullptr);
  crowd.ends.reserve(2 * connections);
  const size_t before = mallinfo2().uordblks;
  for (size_t made = 0; made < connections; made += 50) {
    for (int i = 0; i < 50; ++i) {
      auto end = entry.connect(rig.context(), "127.0.0.1", listener->port(), kNever, status, error);
      REQUIRE(end != nullptr);
      REQUIRE(isOk(end->start(crowd)));
      crowd.ends.push_back(std::move(end));
    }
    REQUIRE(rig.until([&] { return crowd.connected == made + 50 && crowd.ends.size() == 2 * made + 100; }));
  }
  const std::vector<uint8_t> bytes = testBytes(40'000);
  const iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  uint64_t sent = 0;
  REQUIRE(rig.until([&] {
    return std::all_of(crowd.ends.begin(), crowd.ends.end(),
                       [](auto& end) { return static_cast<TlsTransport&>(*end).isEstablished(); });
  }));
  for (size_t i = 0; i < 2 * connections; i += 25) {  // Some carry data, both ways.
    const size_t taken = crowd.ends[i]->write(&part, 1).bytes;
    CHECK(taken > 0);
    sent += taken;
  }
  REQUIRE(rig.until([&] { return crowd.received == sent; }));
  CHECK(crowd.failed == 0);
  const size_t after = mallinfo2().uordblks;
  const size_t each = (after - std::min(before, after)) / (2 * connections);
  MESSAGE("bytes an idle end holds: " << each);
  CHECK(each < 32 * 1024);
}
