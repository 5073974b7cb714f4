// Windows and SENDMEs, at circuits of our own: the test is the exit relay and counts.
#include <doctest/doctest.h>

#include <algorithm>

#include "support_tor_origin.h"

namespace kist {
TEST_CASE("tor windows: 5,000 DATA cells out need 50 circuit SENDMEs and 100 of the stream, no less") {
  TorOrigin origin;
  origin.open(3);
  const size_t cells = 5000;
  const size_t bytes = cells * 498 - 50 * 20;  // Every hundredth cell leaves room for 20 bytes.
  const Bytes sent = noise(bytes);
  origin.write(3, sent);
  Bytes got;
  size_t data = 0;
  uint32_t packed = 500;
  Bytes circuitDigest;
  while (data < cells) {
    const std::vector<TorMessage> messages = origin.atExit();
    REQUIRE(messages.size() <= packed);
    for (const TorMessage& message : messages) {
      REQUIRE(message.command == TorDialect::kData);
      got.insert(got.end(), message.body.begin(), message.body.end());
      ++data;
      REQUIRE(message.body.size() == (data % 100 == 0 ? 478 : 498));
      if (data % 100 == 0) circuitDigest = message.digest;
      if (data % 100 == 0) origin.send(origin.exit->seal(0, TorDialect::kSendme, torSendme(circuitDigest)));
    }
    // 500 came and nothing more before the stream's window opens.
    REQUIRE(data % 50 == 0);
    CHECK(origin.atExit().empty());
    for (uint32_t i = 0; i < packed / 50; ++i) origin.send(origin.exit->seal(3, TorDialect::kSendme));
  }
  CHECK(data == cells);
  CHECK(got == sent);
  CHECK_FALSE(origin.rig.has(EventKind::kCircuitClosed));
  CHECK(origin.atExit().empty());
  int64_t written = 0;
  while (origin.rig.has(EventKind::kStreamWritten)) written += origin.rig.expect(EventKind::kStreamWritten).b;
  CHECK(written == static_cast<int64_t>(bytes));
}

TEST_CASE(
    "tor windows: 1,000 DATA cells of several streams end the circuit's window; its SENDME opens 100 more") {
  TorOrigin origin;
  for (uint16_t id = 1; id <= 4; ++id) origin.open(id);
  origin.edge([](Edge& edge, Circuit& it) {
    for (uint16_t id = 1; id <= 4; ++id) edge.writeStream(it, id, noise(500 * 498));
  });
  std::vector<TorMessage> messages;
  for (int i = 0; i < 20; ++i) {
    for (TorMessage& message : origin.atExit()) messages.push_back(std::move(message));
  }
  REQUIRE(messages.size() == 1000);
  for (uint16_t id = 1; id <= 4; ++id) {
    const auto of = std::count_if(messages.begin(), messages.end(),
                                  [id](const TorMessage& it) { return it.streamId == id; });
    CHECK(of >= 150);  // They take turns, but for the first one's start.
    CHECK(of <= 450);
  }
  for (size_t i = 0; i < 10; ++i) {
    origin.send(origin.exit->seal(0, TorDialect::kSendme, torSendme(messages[99 + i * 100].digest)));
    CHECK(origin.atExit().size() == 100);
  }
  CHECK_FALSE(origin.rig.has(EventKind::kCircuitClosed));
}

TEST_CASE("tor windows: 5,000 DATA cells in are acknowledged by 50 and 100 SENDMEs, with the right digests") {
  TorOrigin origin;
  origin.open(3);
  Bytes sent, got;
  size_t circuitSendmes = 0, streamSendmes = 0;
  std::vector<Bytes> digests;
  for (uint32_t i = 0; i < 5000; ++i) {
    const Bytes body = noise(i % 499, i + 1);  // All lengths, 0 too.
    sent.insert(sent.end(), body.begin(), body.end());
    origin.sendData(3, body);
    if (i % 100 == 99) digests.push_back(origin.exit->sealedDigest());
    if (i % 50 != 49) continue;
    for (const TorMessage& message : origin.atExit()) {
      REQUIRE(message.command == TorDialect::kSendme);
      if (message.streamId == 0) {
        REQUIRE(message.body == torSendme(digests[circuitSendmes]));
        ++circuitSendmes;
      } else {
        REQUIRE(message.streamId == 3);
        CHECK(message.body.empty());
        ++streamSendmes;
      }
    }
    const Bytes part = origin.delivered(3);
    got.insert(got.end(), part.begin(), part.end());
    CHECK(circuitSendmes == (i + 1) / 100);
    CHECK(streamSendmes <= (i + 1) / 50);
    origin.consumed(3, part.size());
  }
  streamSendmes += count(origin.atExit(), TorDialect::kSendme);
  CHECK(got == sent);
  CHECK(circuitSendmes == 50);
  CHECK(streamSendmes == 100);
}

TEST_CASE("tor windows: a reader that takes nothing stops the sender; its channel and circuit go on") {
  TorOrigin origin;
  origin.open(3);
  origin.open(4);
  for (uint32_t i = 0; i < 500; ++i) origin.sendData(3, noise(498));
  CHECK(count(origin.atExit(), TorDialect::kSendme) == 5);  // Of the circuit; none of the stream.
  CHECK_FALSE(origin.rig.isHeld(origin.peer.channel));
  CHECK(origin.rig.plane->budget().used() < 300'000);
  for (uint32_t i = 0; i < 100; ++i) origin.sendData(4, noise(10));
  std::vector<TorMessage> messages = origin.atExit();
  CHECK(messages.size() == 1);
  CHECK(origin.delivered(4).size() == 1000);
  origin.consumed(4, 1000);
  messages = origin.atExit();
  CHECK(messages.size() == 2);
  for (const TorMessage& message : messages) CHECK(message.streamId == 4);
  origin.rig.advance(60 * kSecond, kSecond);  // No stall rule here.
  CHECK_FALSE(origin.rig.has(EventKind::kStreamClosed));
  // Each 50 cells' bytes that the reader took are one SENDME, not a byte before.
  origin.consumed(3, 50 * 498 - 1);
  CHECK(origin.atExit().empty());
  origin.consumed(3, 1);
  messages = origin.atExit();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].streamId == 3);
  origin.consumed(3, 450 * 498);
  CHECK(origin.atExit().size() == 9);
}

TEST_CASE("tor windows: a cell beyond a window ends the circuit") {
  TorOrigin origin;
  SUBCASE("of a stream") {
    origin.open(3);
    for (uint32_t i = 0; i < 501; ++i) origin.sendData(3, noise(5));
  }
  SUBCASE("of a stream, with empty cells") {
    origin.open(3);
    origin.sendData(3, noise(5));
    for (uint32_t i = 0; i < 500; ++i) origin.sendData(3, {});
  }
  SUBCASE("DATA with stream ID 0") { origin.sendData(0, {1}); }
  SUBCASE("DATA from a hop that is not the last") {
    origin.open(3);
    origin.peer.send(origin.first->seal(3, TorDialect::kData, {1}));
  }
  SUBCASE("a SENDME from a hop that is not the last") {
    origin.open(3);
    origin.peer.send(origin.first->seal(3, TorDialect::kSendme));
  }
  SUBCASE("a SENDME for a stream that sent nothing") {
    origin.open(3);
    origin.send(origin.exit->seal(3, TorDialect::kSendme));
  }
  SUBCASE("a SENDME for a circuit that sent nothing") {
    origin.send(origin.exit->seal(0, TorDialect::kSendme, torSendme(Bytes(20, 0))));
  }
  origin.checkClosedByViolation();
}

TEST_CASE("tor windows: only the oldest digest, in version 1, whole, acknowledges") {
  TorOrigin origin;
  for (uint16_t id = 3; id <= 6; ++id) {
    origin.open(id);
    origin.write(id, noise(100 * 498));
  }
  std::vector<Bytes> digests;
  for (int i = 0; i < 10; ++i) {
    for (const TorMessage& message : origin.atExit()) digests.push_back(message.digest);
  }
  REQUIRE(digests.size() >= 400);
  const Bytes good = torSendme(digests[99]);
  Bytes bad;
  SUBCASE("the next one first") { bad = torSendme(digests[199]); }
  SUBCASE("the cell before") { bad = torSendme(digests[98]); }
  SUBCASE("one bit wrong") {
    bad = good;
    bad[22] ^= 1;
  }
  SUBCASE("version 0") { bad = Bytes{}; }
  SUBCASE("version 0, written out") { bad = Bytes{0, 0, 0}; }
  SUBCASE("version 2") {
    bad = good;
    bad[0] = 2;
  }
  SUBCASE("a digest of 19 bytes") {
    bad = good;
    bad[2] = 19;
  }
  SUBCASE("cut short") { bad = Bytes(good.begin(), good.end() - 1); }
  SUBCASE("a length beyond the body") {
    bad = good;
    bad[1] = 1;
  }
  SUBCASE("twice") {
    bad = good;
    origin.send(origin.exit->seal(0, TorDialect::kSendme, good));
  }
  SUBCASE("more bytes than a digest are no fault") {
    Bytes longer = good;
    longer[2] = 24;
    longer.insert(longer.end(), 4, 9);
    origin.send(origin.exit->seal(0, TorDialect::kSendme, longer));
    origin.rig.advance(TorOrigin::kRunTime);
    CHECK_FALSE(origin.rig.has(EventKind::kCircuitClosed));
    bad = longer;
  }
  origin.send(origin.exit->seal(0, TorDialect::kSendme, bad));
  origin.checkClosedByViolation();
}

TEST_CASE("tor windows: DATA for streams that are not there counts for the circuit and goes") {
  TorOrigin origin;
  for (int round = 0; round < 30; ++round) {
    for (uint32_t i = 0; i < 100; ++i) origin.sendData(static_cast<uint16_t>(i + 1), noise(498));
    const std::vector<TorMessage> messages = origin.atExit();
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].streamId == 0);
  }
  CHECK(origin.rig.total().counters.droppedCells == 3000);
  CHECK(origin.rig.plane->budget().used() == 0);
  origin.send(origin.exit->seal(77, TorDialect::kSendme));  // Of a stream that ended meanwhile.
  origin.rig.settle();
  CHECK_FALSE(origin.rig.has(EventKind::kCircuitClosed));
}

TEST_CASE("tor windows: a full circuit queue stops our streams and resumes them") {
  TorOrigin origin;
  MockTcpInfo& mock = *origin.rig.plane->mockTcpInfo(0);
  mock.setDefault({Status::kOk, TcpInfo{0, 0, 1448, 0, 0}});
  origin.rig.advance(TorOrigin::kRunTime);
  origin.open(3);
  origin.write(3, noise(400 * 498));
  CHECK(origin.rig.total().cellsInUse == 256);
  origin.rig.advance(40 * kSecond, kSecond);
  CHECK(origin.rig.total().cellsInUse == 256);
  mock.setDefault({Status::kOk, TcpInfo{400, 0, 1448, 0, 0}});
  size_t cells = 0;
  for (int i = 0; i < 20; ++i) cells += origin.atExit().size();
  CHECK(cells == 401);  // 400 * 498 bytes, and 4 cells were 20 bytes shorter.
}

}  // namespace kist
