#include <doctest/doctest.h>

#include <cerrno>
#include <string_view>

#include "tls_peer.h"

using namespace kist;

// What a peer may do wrong, at any point: no crash, no leak, no hang, and a clear end.

namespace {

ByteSpan spanOf(std::string_view text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string_view kHttp = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// Sends `bytes` instead of TLS to an accepting end.
void sendPlain(TlsPeerRig& rig, ByteSpan bytes) {
  rig.acceptPeer({});
  REQUIRE(::send(rig.peer->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

}  // namespace

TEST_CASE("tls: plaintext instead of a handshake is an error at once") {
  using namespace std::string_view_literals;
  const std::vector<uint8_t> random = testBytes(4000);
  const std::string_view noise(reinterpret_cast<const char*>(random.data()), random.size());
  for (const std::string_view text :
       {kHttp, "SSH-2.0-x\r\n"sv, noise, "\x16\x03\x01\xff\xff"sv, "\x16\x03\x01\x00\x04\x01\x00\x00\x00"sv,
        "\x17\x03\x03\x00\x01\x00"sv}) {
    TlsPeerRig rig;
    sendPlain(rig, spanOf(text));
    REQUIRE(rig.until([&] { return rig.end().readError != 0; }));
    CHECK(rig.end().readError == EPROTO);
    const int calls = rig.end().calls();
    rig.turns(3);
    CHECK(rig.end().calls() == calls);  // Told once.
    CHECK(!rig.transport().hasBufferedInput());
    CHECK(rig.transport().queuedBytes() == 0);
  }
}

TEST_CASE("tls: plaintext to an end that does not read fails it") {
  TlsPeerRig rig;
  rig.acceptPeer({});
  rig.end().setReading(false);
  rig.peer->sendRaw(spanOf(kHttp));
  REQUIRE(rig.pumpUntil([&] { return rig.end().failed == 1; }));
  CHECK(rig.end().failure == EPROTO);
  CHECK(rig.end().readable == 0);
}

TEST_CASE("tls: a server that speaks something else fails the connecting end") {
  TlsPeerRig rig;
  rig.connectToPeer({});
  REQUIRE(::send(rig.peer->fd(), kHttp.data(), kHttp.size(), MSG_NOSIGNAL) > 0);
  REQUIRE(rig.until([&] { return rig.end().failed == 1; }));
  CHECK(rig.end().failure == EPROTO);
  CHECK(rig.end().connected == 0);
  rig.turns(3);
  CHECK(rig.end().calls() == 1);
  CHECK(rig.transport().fd() == -1);
}

TEST_CASE("tls: a server that says nothing fails the connecting end at its deadline") {
  TlsPeerRig rig;
  const TimeNs deadline = rig.loop().refreshNow() + 50 * kMillisecond;
  rig.connectToPeer({}, deadline);
  REQUIRE(rig.until([&] { return rig.end().failed == 1; }));
  CHECK(rig.end().failure == ETIMEDOUT);
  CHECK(rig.loop().now() >= deadline);
}

TEST_CASE("tls: a handshake cut off anywhere ends the transport") {
  for (const bool accepting : {true, false}) {
    for (size_t cut = 0; cut < 400; cut += 57) {
      TlsPeerRig rig;
      rig.makeEnd(accepting, {});
      // The peer's first flight in part, then its end.
      uint8_t hello[4096];
      SSL* ssl = rig.peer->ssl();
      ssize_t came = 0;
      if (!accepting) {
        REQUIRE(
            rig.until([&] { return (came = recv(rig.peer->fd(), hello, sizeof hello, MSG_DONTWAIT)) > 0; }));
        BIO_write(SSL_get_rbio(ssl), hello, static_cast<int>(came));
      }
      SSL_do_handshake(ssl);
      const int made = BIO_read(SSL_get_wbio(ssl), hello, sizeof hello);
      const size_t part = std::min(cut, static_cast<size_t>(made) - 1);
      if (part > 0) REQUIRE(::send(rig.peer->fd(), hello, part, MSG_NOSIGNAL) == static_cast<ssize_t>(part));
      shutdown(rig.peer->fd(), SHUT_WR);
      REQUIRE(rig.until([&] { return rig.end().ended || rig.end().failed == 1; }));
      CHECK(rig.end().ended == accepting);
      if (!accepting) CHECK(rig.end().failure == ECONNRESET);
      const int calls = rig.end().calls();
      rig.turns(2);
      CHECK(rig.end().calls() == calls);
    }
  }
}

TEST_CASE("tls: handshakes with bytes changed anywhere fail or succeed, and never more") {
  for (const bool accepting : {true, false}) {
    uint32_t seed = 11;
    for (int round = 0; round < 40; ++round) {
      seed = seed * 1664525u + 1013904223u;
      TlsPeerRig rig;
      rig.makeEnd(accepting, {.maxVersion = round % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION});
      SSL* ssl = rig.peer->ssl();
      uint8_t bytes[8192];
      uint64_t passed = 0;
      const uint64_t at = seed >> 8 & 511;
      for (int turn = 0; turn < 12; ++turn) {
        const ssize_t came = recv(rig.peer->fd(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (came > 0) BIO_write(SSL_get_rbio(ssl), bytes, static_cast<int>(came));
        ERR_clear_error();
        SSL_do_handshake(ssl);
        const int made = BIO_read(SSL_get_wbio(ssl), bytes, sizeof bytes);
        if (made > 0) {
          const uint64_t count = static_cast<uint64_t>(made);
          if (at >= passed && at < passed + count) bytes[at - passed] ^= static_cast<uint8_t>(seed | 1);
          passed += count;
          ::send(rig.peer->fd(), bytes, count, MSG_NOSIGNAL);
        }
        rig.turnAwake();
      }
      ERR_clear_error();
      rig.peer->drop();
      REQUIRE(
          rig.until([&] { return rig.end().ended || rig.end().readError != 0 || rig.end().failed == 1; }));
    }
  }
}

TEST_CASE("tls: a record that was tampered with ends the input after what came before it") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPeerRig rig;
    rig.acceptPeer({.minVersion = version, .maxVersion = version});
    rig.shakeHands();
    const std::vector<uint8_t> bytes = testBytes(40'000);
    rig.peer->send(bytes);
    std::vector<uint8_t> bad = testBytes(300);
    bad[0] = 0x17, bad[1] = 3, bad[2] = 3, bad[3] = 1, bad[4] = 0x27;
    rig.peer->sendRaw(bad);
    REQUIRE(rig.pumpUntil([&] { return rig.end().readError != 0; }));
    CHECK(rig.end().readError == EPROTO);
    CHECK(rig.end().received == bytes);
    REQUIRE(rig.pumpUntil([&] { return rig.peer->error != 0; }));  // An alert.
    CHECK(rig.end().write(testBytes(1)).status == Status::kError);
    rig.end().close(false);
  }
}

TEST_CASE("tls: close_notify ends the input, also without an end of TCP, and after what came before it") {
  for (const bool accepting : {true, false}) {
    TlsPeerRig rig;
    rig.makeEnd(accepting, {});
    rig.shakeHands();
    const std::vector<uint8_t> bytes = testBytes(100'000);
    rig.peer->send(bytes, 5000);
    rig.peer->sayClose();
    REQUIRE(rig.pumpUntil([&] { return rig.end().ended; }));
    CHECK(rig.end().received == bytes);
    const int calls = rig.end().calls();
    rig.turns(3);
    CHECK(rig.end().calls() == calls);
    CHECK(rig.end().write(bytes).bytes > 0);  // Our direction goes on.
    uint8_t byte = 0;
    CHECK(rig.end().readInto({&byte, 1}).status == Status::kClosed);
  }
}

TEST_CASE("tls: an end of TCP without close_notify is an end too, in the middle of a record as well") {
  for (const size_t part : {size_t{0}, size_t{3}, size_t{200}}) {
    TlsPeerRig rig;
    rig.acceptPeer({});
    rig.shakeHands();
    rig.peer->send(testBytes(1000));
    std::vector<uint8_t> record(300, 1);
    record[0] = 0x17, record[1] = 3, record[2] = 3, record[3] = 1, record[4] = 0x27;
    record.resize(part);
    rig.peer->sendRaw(record);
    REQUIRE(rig.pumpUntil([&] { return rig.peer->isFlushed(); }));
    shutdown(rig.peer->fd(), SHUT_WR);
    REQUIRE(rig.until([&] { return rig.end().ended; }));
    CHECK(rig.end().received.size() == 1000);
    CHECK(!rig.transport().hasBufferedInput());
  }
}

TEST_CASE("tls: a peer that asks for new keys without end and reads no answer is not read any more") {
  SocketOptions small;
  small.sendBuffer = 8 * 1024;
  small.receiveBuffer = 64 * 1024;
  small.maxSegment = 1448;
  TlsPeerRig rig(small);
  rig.acceptPeer({.minVersion = TLS1_3_VERSION}, small);
  rig.shakeHands();
  rig.peer->reads = false;
  uint64_t asked = 0;
  uint64_t queued = 0;
  // Until the answers that wait are no longer more, whatever the peer asks.
  for (int still = 0; still < 6; ++still) {
    for (int i = 0; i < 400; ++i, ++asked) {
      REQUIRE(SSL_key_update(rig.peer->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
      REQUIRE(SSL_do_handshake(rig.peer->ssl()) == 1);
    }
    rig.peer->pump();
    rig.turn();
    if (rig.transport().queuedBytes() != queued || queued == 0) still = 0;
    queued = rig.transport().queuedBytes();
    REQUIRE(asked < 100'000);
  }
  CHECK(queued <= 200'000);
  // Read again, it gets all answers, and its data comes.
  rig.peer->reads = true;
  rig.peer->send(testBytes(5000));
  REQUIRE(rig.pumpUntil([&] { return rig.end().received.size() == 5000; }));
  CHECK(rig.end().received == testBytes(5000));
  CHECK(rig.end().write(testBytes(3000, 2)).bytes == 3000);
  REQUIRE(rig.pumpUntil([&] { return rig.peer->received.size() == 3000; }));
  CHECK(rig.peer->received == testBytes(3000, 2));
}
