// Exit streams of Tor circuits over real sockets: the test is a client on a plain TCP connection and the
// target that the exit connects to. Nothing here depends on how long something takes: what must not come is
// shown by a later answer that did.
#include <doctest/doctest.h>

#include <algorithm>

#include "support_tor_exit.h"

namespace kist {

TEST_CASE("tor exit: a stream's window stops reading of its socket at 500 cells, the circuit's at 1,000") {
  TorExit exit;
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
  TorExit exit;
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
  TorExit exit;
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
  TorExit exit;
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
    exit.link->send(torCell(TorExit::kId, TorDialect::kDestroy, {9}));
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
  TorExit exit;
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
  TorExit exit;
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
  TorExit exit;
  Plug& target = exit.open(9);
  target.close(true);
  REQUIRE(exit.until([&] { return exit.of(9, TorDialect::kEnd) == 1; }));
  CHECK(exit.messages.back().body == Bytes{TorDialect::kEndConnReset});
  CHECK(exit.streams() == 0);
}

TEST_CASE("tor exit: more than a window ends the circuit as a fault of the protocol") {
  TorExit exit;
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
